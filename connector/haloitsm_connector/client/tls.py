"""Which certificates are trusted: the usual ones, those that the environment names, and a CA bundle."""

from __future__ import annotations

import ssl
from pathlib import Path

from haloitsm_connector.errors import InputError


def context_of(ca_bundle: str | None) -> ssl.SSLContext:
    """Return what verifies servers, as SSL_CERT_FILE, SSL_CERT_DIR and the bundle say; InputError for unreadable."""
    import httpx

    try:
        context = httpx.create_ssl_context()
    except OSError as error:
        what = f"the certificates to trust cannot be read: {error.strerror}"
        raise InputError(what, "Correct SSL_CERT_FILE or SSL_CERT_DIR in the environment.") from None
    if ca_bundle:
        _trust(context, ca_bundle)
    return context


def check_ca_bundle(path: str | None) -> None:
    """Refuse, with an InputError, a CA bundle that cannot be read."""
    if path:
        _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path)


def _trust(context: ssl.SSLContext, path: str) -> None:
    """Trust the certificates of a PEM file or folder, besides those trusted already."""
    place = Path(path).expanduser()
    try:
        context.load_verify_locations(**{"capath" if place.is_dir() else "cafile": str(place)})
    except (OSError, ValueError) as error:
        no_pem = isinstance(error, ssl.SSLError)
        words = "no certificates in PEM form" if no_pem else getattr(error, "strerror", None) or str(error)
        raise InputError(f"CA bundle {path} cannot be used: {words}") from None
