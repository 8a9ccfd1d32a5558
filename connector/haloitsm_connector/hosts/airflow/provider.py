"""What Airflow asks a provider: which connections, operators and sensors there are, and the form of a connection.

Airflow asks in each of its processes, so nothing is imported here.
"""

from __future__ import annotations

from typing import Any

INTEGRATION = "HaloITSM"
_HERE = "haloitsm_connector.hosts.airflow"
_TEXT = {"type": ["string", "null"]}
_SECRET = {**_TEXT, "format": "password"}


def get_provider_info() -> dict[str, Any]:
    """Return what the provider offers, as Airflow's schema of providers wants it."""
    return {
        "package-name": "haloitsm-connector",
        "name": INTEGRATION,
        "description": "Reads, transforms and writes HaloITSM, HaloPSA and HaloCRM, declared in YAML.",
        "integrations": [{"integration-name": INTEGRATION, "tags": ["service"]}],
        "connection-types": [
            {
                "connection-type": "haloitsm",
                "hook-class-name": f"{_HERE}.hook.HaloITSMHook",
                "hook-name": INTEGRATION,
                "ui-field-behaviour": _FORM,
                "conn-fields": _FIELDS,
            }
        ],
        **{kind: [_modules(kind)] for kind in ("operators", "sensors", "triggers")},
        "hooks": [{"integration-name": INTEGRATION, "python-modules": [f"{_HERE}.hook"]}],
    }


def _modules(kind: str) -> dict[str, Any]:
    return {"integration-name": INTEGRATION, "python-modules": [f"{_HERE}.{kind}"]}


_FORM = {
    "hidden-fields": ["schema", "port"],
    "relabeling": {"host": "Address", "login": "Client ID", "password": "Client secret"},
    "placeholders": {"host": "https://acme.haloitsm.com"},
}
_FIELDS = {
    "tenant": {
        "label": "Tenant",
        "description": "Tenant name of a hosted HaloITSM; asked for unless given.",
        "schema": _TEXT,
    },
    "username": {
        "label": "User name",
        "description": "User name of an agent, to sign in with a password.",
        "schema": _TEXT,
    },
    "password": {"label": "Password", "description": "The agent's password.", "schema": _SECRET},
    "api_key": {
        "label": "API key",
        "description": "A fixed API key, instead of all the others.",
        "schema": _SECRET,
    },
    "scopes": {
        "label": "Scopes",
        "description": "What the token may do; all unless given.",
        "schema": {"type": ["array", "null"], "items": {"type": "string"}},
    },
    "state": {
        "label": "State",
        "description": "Where routes keep what is remembered between runs: a file that all workers see, or "
        "postgresql://user:password@host/database.",
        "schema": _SECRET,
    },
}
"""Fields of the form that Airflow keeps in the connection's extra, under these names."""
