"""What to send to Halo so that it delivers to a webhook of a configuration. No input or output of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from haloitsm_connector.client.fields import Basic
from haloitsm_connector.errors import InputError
from haloitsm_connector.subscriber.webhook import Signed, WebhookFields

TICKET_UPDATED = 61
"""The event that is known by its number (halo-api-facts 7.1)."""
_METHODS = {"POST": 0, "PUT": 2, "PATCH": 4}


def address(fields: WebhookFields, url: str) -> str:
    """Return where Halo is to deliver: a URL, with the webhook's own path where it has none. InputError."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme not in {"https", "http"}:
        raise InputError(f"{url} is no address that Halo could deliver to", "Write it in full: https://hooks.acme.com.")
    if parts.username is not None or parts.query or parts.fragment:
        raise InputError("the address holds more than a host and a path", "Credentials come from the configuration.")
    if parts.scheme == "http" and host not in {"127.0.0.1", "::1", "localhost"}:
        raise InputError(f"what is sent to {url} can be read on the way", "Deliveries go to an https:// address.")
    return url.rstrip("/") + (fields.path if parts.path in {"", "/"} else "")


def webhook(fields: WebhookFields, name: str, url: str) -> dict[str, Any]:
    """Return the body of ``POST /Webhook`` (halo-api-facts 7.1, 7.3); InputError for what Halo is not known to do."""
    body: dict[str, Any] = {
        "name": name,
        "url": address(fields, url),
        "type": 0,
        "method": _METHODS[fields.method],
        "content_type": "application/json",
        "active": True,
        "authentication_type": 0,
    }
    match fields.authentication:
        case Basic() as pair:
            body |= {"authentication_type": 1, "basic_username": pair.username}
            body |= {"basic_password": pair.password.get_secret_value()}
        case Signed() as signed:
            if (signed.algorithm, signed.encoding, signed.prefix) != ("sha256", "base64", ""):
                what = "Halo is known to sign with SHA-256 in base64 without a prefix only"
                raise InputError(what, "Set another signature up in Halo itself.")
            body |= {"authentication_type": 3, "authentication_header": signed.header}
            body |= {"basic_password": signed.secret.get_secret_value()}
    return body


def rule(webhook_id: str, event: int) -> dict[str, Any]:
    """Return one item of the body of ``POST /Notification``: tell this webhook of this event (halo-api-facts 7.1)."""
    return {
        "webhook_id": webhook_id, "type": -2, "delivery_method": 6, "filter_type": 2, "agent_id": 0, "eventno": event,
    }  # fmt: skip
