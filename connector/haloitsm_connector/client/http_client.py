"""The HTTP client: one system, from one thread, many threads or asyncio, with the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel

from haloitsm_connector.client.body import read_value
from haloitsm_connector.client.fields import Authentication, HaloClientFields, HttpClientFields
from haloitsm_connector.client.portal import Portal
from haloitsm_connector.client.reason import status_error
from haloitsm_connector.client.request import Request, Response, encode_query
from haloitsm_connector.client.session import Connection, Session
from haloitsm_connector.errors import ConnectorError, InputError, suggest
from haloitsm_connector.validation import validated

if TYPE_CHECKING:
    import httpx

    Transport = httpx.AsyncClient | httpx.AsyncBaseTransport


class HttpClient:
    """Sends requests to one HaloITSM or other REST API.

    Every client has a connection pool, a token and a background thread of its own, started with the first request and
    ended by ``close``, the end of a ``with`` block, or garbage collection. Threads may share a client.
    Every call comes twice: ``send`` waits, ``asend`` is awaited, on any event loop. ::

        credentials = ClientCredentials(client_id="...", client_secret=os.environ["HALO_CLIENT_SECRET"])
        with HttpClient("https://acme.haloitsm.com", credentials) as client:
            print(client.get("/Actions/AC12", query={"includedetails": True}))
    """

    def __init__(
        self,
        base_uri: str,
        authentication: Authentication | Mapping[str, Any],
        *,
        transport: Transport | None = None,
        **options: Any,
    ) -> None:
        """Make a client for a HaloITSM; ``options`` are the fields of HaloClientFields.

        ``transport`` is an httpx (or httpx2) AsyncClient or asynchronous transport of your own, closed with this
        client. InputError says what cannot be used.
        """
        self._open(_fields(base_uri, authentication, options), transport)

    @classmethod
    def from_fields(
        cls,
        fields: HaloClientFields | HttpClientFields,
        *,
        transport: Transport | None = None,
    ) -> Self:
        """Make a client from the fields of prototype ``haloitsm`` or ``http``."""
        client = cls.__new__(cls)
        client._open(fields, transport)
        return client

    def _open(self, fields: HaloClientFields | HttpClientFields, transport: Transport | None) -> None:
        self.fields = fields
        self._session = Session(fields, transport=transport)
        self._portal = Portal(self._session.aclose)

    def __repr__(self) -> str:
        return f"<HttpClient {self.api_uri}>"

    @property
    def api_uri(self) -> str:
        """What paths are appended to."""
        return self._session.api_uri

    def send(self, request: Request) -> Response:
        """Send a request and return its final answer, whatever the status.

        UnreachableError, AuthenticationError, AnswerError or LostAnswerError say why there is none; InputError what
        cannot be sent.
        """
        return self._portal.call(self._session.send, request)

    async def asend(self, request: Request) -> Response:
        """Do what ``send`` does without blocking the event loop."""
        return await self._portal.acall(self._session.send, request)

    def start(self, request: Request) -> Future[Response]:
        """Send a request without waiting; the future has what ``send`` would return or raise."""
        return self._portal.start(self._session.send, request)

    def url(self, request: Request) -> str:
        """Return the final URL, encoded as it is sent, known secrets hidden."""
        try:
            return self._session.redactor.values(self._session.url(request))
        except ConnectorError as error:
            raise self._session.hide(error) from None

    def hide(self, secrets: Iterable[str]) -> None:
        """Hide these texts too, wherever this client logs, raises or shows a URL; its own credentials are already."""
        self._session.redactor.add(secrets)

    def normal(self, status: int) -> bool:
        """Whether ``normal_statuses`` declares this error status normal."""
        return self.fields.is_normal(status)

    def connect(self) -> Connection:
        """Sign in and return what that gave; the first request does it by itself otherwise."""
        return self._portal.call(self._session.connect)

    async def aconnect(self) -> Connection:
        """Do what ``connect`` does without blocking the event loop."""
        return await self._portal.acall(self._session.connect)

    def budget_left(self) -> int | None:
        """Return how many requests may be sent to the tenant at once, 0 during a pause; None without a budget."""
        return self._portal.call(self._session.budget_left)

    async def abudget_left(self) -> int | None:
        """Do what ``budget_left`` does without blocking the event loop."""
        return await self._portal.acall(self._session.budget_left)

    def get(self, path: str, *, query: Mapping[str, Any] | None = None) -> Any:
        """Return the decoded JSON of a GET, or what `body.read_value` makes of other media types.

        StatusError for an error status, None for one declared normal.
        """
        request = _request("GET", path, query)
        return self._decoded(request, self.send(request))

    def post(self, path: str, payload: Any, *, query: Mapping[str, Any] | None = None) -> Any:
        """Post a payload as JSON and return the decoded answer; StatusError for an error status."""
        request = _request("POST", path, query, payload)
        return self._decoded(request, self.send(request))

    def delete(self, path: str, *, query: Mapping[str, Any] | None = None) -> Any:
        """Delete a record and return the decoded answer; StatusError for an error status."""
        request = _request("DELETE", path, query)
        return self._decoded(request, self.send(request))

    async def aget(self, path: str, *, query: Mapping[str, Any] | None = None) -> Any:
        """Do what ``get`` does without blocking the event loop."""
        request = _request("GET", path, query)
        return self._decoded(request, await self.asend(request))

    async def apost(self, path: str, payload: Any, *, query: Mapping[str, Any] | None = None) -> Any:
        """Do what ``post`` does without blocking the event loop."""
        request = _request("POST", path, query, payload)
        return self._decoded(request, await self.asend(request))

    async def adelete(self, path: str, *, query: Mapping[str, Any] | None = None) -> Any:
        """Do what ``delete`` does without blocking the event loop."""
        request = _request("DELETE", path, query)
        return self._decoded(request, await self.asend(request))

    def close(self) -> None:
        """End connections and thread; requests under way are cancelled. Closing twice is fine."""
        self._portal.close()

    async def aclose(self) -> None:
        """Do what ``close`` does without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    def _decoded(self, request: Request, response: Response) -> Any:
        if self.normal(response.status):
            return None
        try:
            if not 200 <= response.status < 300:
                raise status_error(response, request.method)
            return read_value(response)
        except ConnectorError as error:
            raise self._session.hide(error) from None


def _request(method: str, path: str, query: Mapping[str, Any] | None, payload: Any = None) -> Request:
    return Request(method, path, encode_query(query or {}), payload)


def _fields(base_uri: str, authentication: Any, options: Mapping[str, Any]) -> HaloClientFields:
    for name in options:
        if name not in HaloClientFields.model_fields:
            raise InputError(f"a client has no option '{name}'", suggest(name, HaloClientFields.model_fields))
    if isinstance(authentication, BaseModel):
        # As values, so that a model of the wrong kind is told like any other mistake.
        authentication = authentication.model_dump()
    return validated(HaloClientFields, {"base_uri": base_uri, "authentication": authentication, **options})
