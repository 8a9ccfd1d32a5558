"""What a host is told: how to reach Halo, and which YAML files and entities to read. Flat, as most hosts keep it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr

from haloitsm_connector.client.fields import HaloClientFields
from haloitsm_connector.errors import InputError
from haloitsm_connector.prototypes import Fields
from haloitsm_connector.subscriber.moments import Moment
from haloitsm_connector.validation import validated

_blank = BeforeValidator(lambda value: None if value == "" else value)
Text = Annotated[str | None, _blank]
Secret = Annotated[SecretStr | None, _blank]
_lone = BeforeValidator(lambda value: (value,) if isinstance(value, str | Path) else value)
Texts = Annotated[tuple[str, ...], _lone]
Paths = Annotated[tuple[Path, ...], _lone]

VARIABLES: Mapping[str, str] = {
    "base_uri": "HALO_BASE_URI",
    "tenant": "HALO_TENANT",
    "client_id": "HALO_CLIENT_ID",
    "client_secret": "HALO_CLIENT_SECRET",
    "username": "HALO_USERNAME",
    "password": "HALO_PASSWORD",
    "api_key": "HALO_API_KEY",
}
"""Settings, and the variables of a YAML file that they fill in."""


class Settings(Fields):
    """How to reach Halo, and what to read and write there."""

    model_config = ConfigDict(hide_input_in_errors=True)

    config: Paths = Field((), description="YAML files or folders; every incoming in them is a stream.")
    base_uri: Text = Field(None, description="Address of the HaloITSM: https://acme.haloitsm.com.")
    tenant: Text = Field(None, description="Tenant name of a hosted HaloITSM; asked for unless given.")
    client_id: Text = Field(None, description="Client ID of the API application.")
    client_secret: Secret = Field(None, description="Client secret of the API application.")
    username: Text = Field(None, description="User name of an agent, to sign in with a password.")
    password: Secret = Field(None, description="The agent's password.")
    api_key: Secret = Field(None, description="A fixed API key, instead of all the others.")
    scopes: Texts = Field(("all",), description="What the token may do.")
    entities: Texts = Field((), description="Further GET operations to read, besides the usual ones: GET /TicketArea.")
    start_date: Annotated[Moment | None, _blank] = Field(
        None, description="Where the first read of what is new begins; all there is unless given."
    )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Read what a host was told; InputError says what is wrong with it, without showing a value."""
        return validated(cls, {name: value for name, value in values.items() if value is not None})

    def connection(self) -> HaloClientFields | None:
        """Return how to reach Halo, None where no address is given; InputError says what is missing or wrong."""
        if self.base_uri is None:
            if not self.config:
                raise InputError("base_uri is missing: the address of your HaloITSM", "Or name a YAML file: config.")
            return None
        told = {name: getattr(self, name) for name in ("client_id", "client_secret", "username", "password", "api_key")}
        given: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
        kind = next((kind for name, kind in _KINDS.items() if name in given), "client_credentials")
        authentication = {**given, "type": kind}
        if kind != "api_key":
            authentication["scopes"] = self.scopes
        fields = {"base_uri": self.base_uri, "tenant": self.tenant, "authentication": authentication}
        return validated(HaloClientFields, fields)

    def variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return an environment in which the settings are the ``HALO_`` variables that YAML files name.

        An address without a tenant is one whose tenant is asked for, whatever tenant the environment has for another.
        """
        told = {VARIABLES[name]: text for name in VARIABLES if (text := _text(getattr(self, name)))}
        return {**environ, **({VARIABLES["tenant"]: ""} if self.base_uri else {}), **told}


_KINDS = {"api_key": "api_key", "username": "password", "password": "password"}
"""Settings that say how to sign in."""


def _text(value: str | SecretStr | None) -> str | None:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
