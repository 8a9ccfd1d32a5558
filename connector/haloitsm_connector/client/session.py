"""The asynchronous core of one client: from a request to the final answer, signed in."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from typing import Any

import orjson

from haloitsm_connector.client import auth, uri
from haloitsm_connector.client.budget import budget_of
from haloitsm_connector.client.delivery import Delivery
from haloitsm_connector.client.fields import HaloClientFields, HttpClientFields
from haloitsm_connector.client.form import multipart
from haloitsm_connector.client.logging import HttpLog
from haloitsm_connector.client.proxy import proxy_secrets
from haloitsm_connector.client.redaction import Redactor, is_telling
from haloitsm_connector.client.request import Request, Response, scalar
from haloitsm_connector.client.sign_in import SignIn
from haloitsm_connector.client.wire import Message, Wire
from haloitsm_connector.context import noting
from haloitsm_connector.errors import ConnectorError, InputError, RemoteError, StatusError

_OURS = f"{random.getrandbits(32):08x}"
_NUMBERS = count(1)
_METHOD = re.compile(r"[A-Z]{1,16}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, slots=True)
class Connection:
    """What signing in gave: the addresses, the tenant, and lifetime and scopes of the token if there is one."""

    api_uri: str
    token_uri: str | None = None
    tenant: str | None = None
    token_seconds: float | None = None
    scopes: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [self.api_uri, f"tenant {self.tenant}" if self.tenant else ""]
        if self.token_seconds is not None:
            scopes = f" with scope {' '.join(self.scopes)}" if self.scopes else ""
            parts.append(f"token for {self.token_seconds / 60:.0f} min{scopes}")
        return ", ".join(filter(None, parts))


class Session:
    """Sends requests to one system; its coroutines run on one event loop."""

    def __init__(
        self,
        fields: HaloClientFields | HttpClientFields,
        *,
        transport: Any = None,
    ) -> None:
        grant, endpoints = fields.authentication, auth.endpoints(fields)
        self.wire = Wire(fields.timeouts, transport=transport, proxy=fields.proxy_uri, ca_bundle=fields.ca_bundle)
        self.redactor = Redactor(_secrets(fields))
        self.api_uri = endpoints.api_uri
        self._endpoints = endpoints
        log = HttpLog(fields.logging, self.redactor)
        self._budget = budget_of(fields, endpoints.api_uri)
        self._delivery = Delivery(self.wire, fields.timeouts, fields.retry, log, self._budget)
        self._headers = {
            "accept": "application/json",
            "accept-encoding": "gzip, deflate",
            "user-agent": _user_agent(),
            **{name.lower(): value.get_secret_value() for name, value in fields.headers.items()},
            **dict(auth.fixed_headers(fields.authentication)),
        }
        self._sign_in: SignIn | None = None
        if isinstance(grant, auth.Grant):
            self._sign_in = SignIn(
                grant,
                endpoints,
                keep_token_uri=isinstance(fields, HttpClientFields) or fields.auth_uri is not None,
                deliver=self._delivery.send,
                redactor=self.redactor,
            )

    def url(self, request: Request) -> str:
        """Return the URL exactly as it is sent; InputError for one that leads to another host."""
        if request.path.startswith(("https://", "http://")):
            url = uri.sendable(request.target)
            if not uri.same_origin(url, uri.sendable(self.api_uri)):
                raise InputError(
                    f"{uri.host_of(url)} is not the host of this client, {uri.host_of(self.api_uri)}",
                    "Credentials are sent to the API's own host only; make a client for the other one.",
                )
            return url
        target = request.target if request.path.startswith("/") else f"/{request.target}"
        return uri.sendable(f"{self.api_uri}{target}")

    async def send(self, request: Request) -> Response:
        """Return the final answer of any status; a ConnectorError without secrets says why there is none."""
        try:
            message = self._message(request)
            with noting(request=f"{_OURS}-{next(_NUMBERS)}"):
                response = await self._signed_in(message, may_repeat=request.may_repeat)
        except ConnectorError as error:
            raise self.hide(error) from None
        hide, body = self.redactor.values, response.body
        if response.status >= 400:
            # Error bodies end up in messages, and some servers repeat in them what they were sent.
            body = hide(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        url, seconds = hide(response.url), response.seconds
        return Response(response.status, response.headers, body, url, seconds, response.repeated, hide)

    async def connect(self) -> Connection:
        """Sign in; without a token to fetch, only say where the API is."""
        if self._sign_in is None:
            return Connection(self.api_uri, tenant=self._endpoints.tenant)
        try:
            token = await self._sign_in.token()
        except ConnectorError as error:
            raise self.hide(error) from None
        found = self._sign_in.endpoints
        return Connection(self.api_uri, found.token_uri, found.tenant, token.lifetime_seconds, token.scopes)

    async def budget_left(self) -> int | None:
        """Return how many requests may be sent at once; None without a budget."""
        return await self._budget.left() if self._budget else None

    async def aclose(self) -> None:
        """Close all connections, and give back what is left of the budget."""
        if self._budget:
            await self._budget.release()
        await self.wire.aclose()

    def hide(self, error: ConnectorError) -> ConnectorError:
        """Return the error with every secret hidden in its texts."""
        error.what, error.hint = self.redactor.values(error.what), self.redactor.values(error.hint)
        error.args = (error.what, error.hint)
        if isinstance(error, RemoteError):
            error.url = self.redactor.values(error.url)
        if isinstance(error, StatusError):
            error.reason = self.redactor.values(error.reason)
        return error

    async def _signed_in(self, message: Message, *, may_repeat: bool) -> Response:
        if self._sign_in is None:
            return await self._delivery.send(message, may_repeat=may_repeat)
        token = await self._sign_in.token()
        response = await self._delivery.send(_bearing(message, token), may_repeat=may_repeat)
        if response.status != 401:
            return response
        # Once only: Halo also answers 401 where the agent lacks a module's right (halo-api-facts 1.4).
        token = await self._sign_in.token(refused=token)
        return await self._delivery.send(_bearing(message, token), may_repeat=may_repeat)

    def _message(self, request: Request) -> Message:
        if not _METHOD.fullmatch(request.method):
            raise InputError(f"{request.method!r} is not an HTTP method", "GET, POST and DELETE are.")
        headers: dict[str, str] = {}
        content: bytes | None = None
        if request.files:
            headers["content-type"], content = multipart(_form_fields(request), request.files)
        elif request.payload is not None:
            headers["content-type"], content = "application/json", _json(request.payload)
        headers |= {name.lower(): value for name, value in request.headers}
        headers = self._fixed_headers | _checked(headers)
        return Message(request.method, self.url(request), tuple(headers.items()), content)

    @cached_property
    def _fixed_headers(self) -> dict[str, str]:
        return _checked(self._headers)


def _bearing(message: Message, token: auth.Token) -> Message:
    headers = (*message.headers, ("authorization", f"Bearer {token.value}"))
    return Message(message.method, message.url, headers, message.content)


def _checked(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not value.isascii() or not value.isprintable():
            raise InputError(f"header {name!r} cannot be sent", "Names and values are printable ASCII text.")
    return headers


def _json(payload: Any) -> bytes:
    try:
        return orjson.dumps(payload)
    except TypeError as error:
        raise InputError(f"the payload cannot be written as JSON: {error}") from None


def _form_fields(request: Request) -> dict[str, str]:
    if request.payload is None:
        return {}
    if not isinstance(request.payload, dict):
        raise InputError("beside files, the payload must be a mapping of form fields")
    return {str(name): scalar(value) for name, value in request.payload.items() if value is not None}


def _secrets(fields: HaloClientFields | HttpClientFields) -> list[str]:
    secrets = auth.secrets_of(fields.authentication)
    secrets += [value.get_secret_value() for name, value in fields.headers.items() if is_telling(name)]
    return secrets + proxy_secrets(fields.proxy_uri or "")


def _user_agent() -> str:
    try:
        return f"haloitsm-connector/{version('haloitsm-connector')}"
    except PackageNotFoundError:
        return "haloitsm-connector"
