"""One client's access token: fetched once for everybody, renewed early, never fetched twice at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from haloitsm_connector.client import auth
from haloitsm_connector.client.redaction import Redactor
from haloitsm_connector.client.request import Response
from haloitsm_connector.client.stopping import unless_stopped
from haloitsm_connector.client.wire import Message
from haloitsm_connector.context import stopped_by
from haloitsm_connector.errors import AnswerError

Deliver = Callable[[Message], Awaitable[Response]]


class SignIn:
    """Holds the token of one grant; lives on the client's event loop.

    ``deliver`` sends a message that may be repeated.
    """

    def __init__(
        self,
        grant: auth.Grant,
        endpoints: auth.Endpoints,
        *,
        keep_token_uri: bool,
        deliver: Deliver,
        redactor: Redactor,
    ) -> None:
        self.endpoints = endpoints
        self._grant = grant
        self._keep_token_uri = keep_token_uri
        self._deliver = deliver
        self._redactor = redactor
        self._token: auth.Token | None = None
        self._renewal: asyncio.Task[auth.Token] | None = None

    async def token(self, refused: auth.Token | None = None) -> auth.Token:
        """Return a token that is good for a while yet, and is not the one that was ``refused``; StoppedError."""
        token = self._token
        if token is not None and token is not refused and time.monotonic() < token.renew_at:
            return token
        if self._renewal is None:
            with stopped_by(lambda: False):  # it is for others too, who go on
                self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(self._renewed)
        # One caller that gives up must not take the token from the others.
        return await unless_stopped(asyncio.shield(self._renewal), url=self.endpoints.api_uri)

    async def _renew(self) -> auth.Token:
        if self.endpoints.auth_info_uri:
            ask = Message("GET", self.endpoints.auth_info_uri, (("accept", "application/json"),))
            try:
                answer = await self._deliver(ask)
            except AnswerError:
                answer = Response(0, {}, b"")
            self.endpoints = auth.completed(self.endpoints, answer, keep_token_uri=self._keep_token_uri)
        headers, form = auth.token_request(self._grant)
        answer = await self._deliver(Message("POST", auth.token_url(self.endpoints), headers, form))
        self._redactor.learn(auth.tokens_in(answer))
        return auth.read_token(answer, self._grant, self.endpoints, time.monotonic())

    def _renewed(self, task: asyncio.Task[auth.Token]) -> None:
        self._renewal = None
        if not task.cancelled() and task.exception() is None:
            self._token = task.result()
