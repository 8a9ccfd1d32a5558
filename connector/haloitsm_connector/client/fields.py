"""The YAML fields of the client prototypes ``haloitsm`` and ``http``; the descriptions are what an editor shows.

What Halo accepts: halo-api-facts 1.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr

from haloitsm_connector.client import uri
from haloitsm_connector.errors import ConnectorError
from haloitsm_connector.prototypes import Fields

LogLevel = Literal["off", "simple", "long", "full"]
_RANGE = re.compile(r"([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?")


def _normalised(rule: Any) -> AfterValidator:
    def validate(text: str) -> str:
        try:
            result: str = rule(text)
        except ConnectorError as error:
            raise ValueError(str(error)) from None
        return result

    return AfterValidator(validate)


def _status_range(value: int | str) -> tuple[int, int]:
    match = _RANGE.fullmatch(str(value).strip())
    if match is None or (match[2] and match[2] < match[1]):
        raise ValueError('write a status (404) or a range of statuses ("410-419")')
    return int(match[1]), int(match[2] or match[1])


def _status_or_range(value: int | str) -> int | str:
    _status_range(value)
    return value


def _filled(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value():
        raise ValueError("is empty")
    return secret


def _header_safe(secret: SecretStr) -> SecretStr:
    text = _filled(secret).get_secret_value()
    if not text.isascii() or not text.isprintable() or text != text.strip():
        raise ValueError("cannot be sent in a header: only printable ASCII characters, no space at either end")
    return secret


_blank = BeforeValidator(lambda value: None if value == "" else value)  # as ${HALO_TENANT:-} gives it

BaseUri = Annotated[str, _normalised(uri.base_uri)]
HaloUri = Annotated[str, _normalised(uri.halo_uri)]
AuthUri = Annotated[str, _normalised(uri.auth_uri)]
EndpointUri = Annotated[str, _normalised(uri.endpoint_uri)]
Status = Annotated[int | str, AfterValidator(_status_or_range)]
Secret = Annotated[SecretStr, AfterValidator(_filled)]
HeaderSecret = Annotated[SecretStr, AfterValidator(_header_safe)]
Name = Annotated[str, Field(min_length=1)]
CredentialsIn = Literal["body", "basic_header"]
Scopes = Annotated[tuple[Name, ...], Field(description="What the token may do; narrows the agent's own rights.")]


class _SecretFields(Fields):
    model_config = ConfigDict(hide_input_in_errors=True)


class ClientCredentials(_SecretFields):
    """Client id and secret: the application logs in as the agent it is bound to."""

    type: Literal["client_credentials"] = "client_credentials"
    client_id: Name = Field(description="Client ID of the application, under Configuration > Integrations > Halo API.")
    client_secret: Secret = Field(description="Client secret of the application; better ${NAME} than the text itself.")
    scopes: Scopes = ("all",)
    credentials_in: CredentialsIn = Field(
        "body", description="Where id and secret travel: in the form body, or in a Basic header as Postman sends them."
    )


class Password(_SecretFields):
    """User name and password of an agent, through an application that allows it."""

    type: Literal["password"] = "password"
    client_id: Name = Field(description="Client ID of the application, under Configuration > Integrations > Halo API.")
    username: Name = Field(description="The agent's user name.")
    password: Secret = Field(description="The agent's password; better ${NAME} than the text itself.")
    client_secret: Annotated[Secret | None, _blank] = Field(
        None, description="Only for an application that has a secret as well."
    )
    scopes: Scopes = ("all",)
    credentials_in: CredentialsIn = Field("body", description="Where client id and secret travel.")


class ApiKey(_SecretFields):
    """A fixed key in the header X-Halo-Api-Key, as newer Halo versions know it."""

    type: Literal["api_key"] = "api_key"
    api_key: HeaderSecret = Field(description="The key; better ${NAME} than the text itself.")


class NoAuthentication(_SecretFields):
    """No credentials at all."""

    type: Literal["none"] = "none"


class Basic(_SecretFields):
    """User name and password in a Basic header with every request."""

    type: Literal["basic"] = "basic"
    username: Name = Field(description="User name; cannot hold a colon.", pattern=r"^[^:]+$")
    password: Secret = Field(description="Password; better ${NAME} than the text itself.")


class Bearer(_SecretFields):
    """A fixed token in the header Authorization: Bearer."""

    type: Literal["bearer"] = "bearer"
    token: HeaderSecret = Field(description="The token; better ${NAME} than the text itself.")


class Header(_SecretFields):
    """A key in a header of any name."""

    type: Literal["header"] = "header"
    name: str = Field(description="The header's name, as in X-Api-Key.", pattern=r"^[A-Za-z0-9-]+$")
    value: HeaderSecret = Field(description="The header's value; better ${NAME} than the text itself.")


class TokenClientCredentials(ClientCredentials):
    """OAuth2 client credentials: a token fetched from ``token_uri`` and renewed before it expires."""

    token_uri: EndpointUri = Field(description="Where tokens are had, in full: https://login.example.com/oauth/token.")
    scopes: Scopes = ()


HaloAuthentication = Annotated[ClientCredentials | Password | ApiKey, Field(discriminator="type")]
HttpAuthentication = Annotated[
    NoAuthentication | Basic | Bearer | Header | TokenClientCredentials, Field(discriminator="type")
]
Authentication = ClientCredentials | Password | ApiKey | NoAuthentication | Basic | Bearer | Header


class Timeouts(Fields):
    """How long one attempt may take."""

    connect_seconds: float = Field(5.0, gt=0, description="Until the connection stands: name, TCP and TLS.")
    read_seconds: float = Field(60.0, gt=0, description="Between two pieces of the answer.")
    total_seconds: float = Field(300.0, gt=0, description="One attempt from start to the last byte of the answer.")


class Retry(Fields):
    """How often and how long a request is repeated; which ones are is written in `retry.TABLE`."""

    attempts: int = Field(5, ge=1, description="Tries in all; 1 never repeats. A rate limit (429) is not counted.")
    total_seconds: float = Field(600.0, gt=0, description="All tries and waits together end within this time.")
    longest_wait_seconds: float = Field(
        60.0, gt=0, description="No wait that the client itself chooses is longer; a Retry-After may be."
    )


class RequestBudget(Fields):
    """How many requests may be sent in any span of time, by all clients of a tenant together."""

    requests: int = Field(300, ge=1, description="Requests in any window, those for tokens included.")
    window_seconds: float = Field(300.0, ge=1, le=86_400, description="Length of the rolling window.")


class ClientFields(_SecretFields):
    """What every client can be told."""

    base_uri: BaseUri = Field(description="Address that paths are appended to.")
    authentication: HaloAuthentication | HttpAuthentication = Field(description="How to sign in.")
    timeouts: Timeouts = Field(Timeouts(), description="Time limits of one attempt.")
    retry: Retry = Field(Retry(), description="Limits to repeating a request.")
    budget: RequestBudget | Literal["off"] | None = Field(
        None,
        description="Requests that all programs on this machine may send to the tenant: {requests: 300, "
        "window_seconds: 300}, which is the default for hosted systems, or off, the default for all others.",
    )
    state_folder: Annotated[str | None, _blank] = Field(
        None,
        description="Folder in which programs share what they sent lately. Else HALOITSM_STATE_DIR, or the user's own.",
    )
    normal_statuses: tuple[Status, ...] = Field(
        (), description='Error statuses that are no error here: [404, "410-419"]. A read takes them as "no entity".'
    )
    headers: dict[str, HeaderSecret] = Field({}, description="Headers sent with every API request.")
    proxy: Annotated[Secret | None, _blank] = Field(
        None,
        description="Proxy for all requests: http://user:password@proxy:3128. Else HTTPS_PROXY and NO_PROXY count.",
    )
    ca_bundle: Annotated[str | None, _blank] = Field(
        None, description="File with certificates (PEM) to trust besides the usual ones: your company's own."
    )
    logging: LogLevel = Field(
        "off", description="Log to haloitsm.http: off, simple (a line), long (headers, start of bodies), full (bodies)."
    )

    @property
    def proxy_uri(self) -> str | None:
        """The proxy as text, with its credentials."""
        return self.proxy.get_secret_value() if self.proxy else None

    def is_normal(self, status: int) -> bool:
        """Whether `normal_statuses` declares this status normal."""
        return any(low <= status <= high for low, high in map(_status_range, self.normal_statuses))


class HaloClientFields(ClientFields):
    """How to talk to one HaloITSM: its address and the credentials of an API application."""

    base_uri: HaloUri = Field(description="Address of the HaloITSM, with or without /api: https://acme.haloitsm.com.")
    authentication: HaloAuthentication = Field(description="How to sign in.")
    api_uri: Annotated[BaseUri | None, _blank] = Field(
        None, description="Address of the API where it is not {base_uri}/api."
    )
    auth_uri: Annotated[AuthUri | None, _blank] = Field(
        None, description="Address of the authorisation server where it is not {base_uri}/auth."
    )
    tenant: Annotated[str | None, _blank] = Field(
        None, description="Tenant name of a hosted HaloITSM. Without it, {base_uri}/api/AuthInfo is asked."
    )


class HttpClientFields(ClientFields):
    """How to talk to any other REST API."""

    base_uri: BaseUri = Field(description="What all paths are appended to: https://api.example.com/v2.")
    authentication: HttpAuthentication = Field(NoAuthentication(), description="How to sign in.")
