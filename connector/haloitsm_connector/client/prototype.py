"""The client prototypes that a configuration can name: ``haloitsm`` and ``http``."""

from __future__ import annotations

from collections.abc import Iterator

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client.fields import HaloClientFields, HttpClientFields, NoAuthentication
from haloitsm_connector.client.http_client import HttpClient
from haloitsm_connector.client.proxy import check_proxy
from haloitsm_connector.client.tls import check_ca_bundle
from haloitsm_connector.client.uri import is_loopback
from haloitsm_connector.errors import Finding, InputError
from haloitsm_connector.prototypes import Prototype


def check(fields: HaloClientFields | HttpClientFields, catalogue: Catalogue) -> Iterator[Finding]:
    """Find what the types cannot see: an unusable proxy or CA bundle, credentials sent in the clear."""
    for name, value, verify in (
        ("proxy", fields.proxy_uri, check_proxy),
        ("ca_bundle", fields.ca_bundle, check_ca_bundle),
    ):
        try:
            verify(value)
        except InputError as error:
            yield Finding((name,), error.what, error.hint)
    secretive = not isinstance(fields.authentication, NoAuthentication)
    if secretive and fields.base_uri.startswith("http://") and not is_loopback(fields.base_uri):
        yield Finding(
            ("base_uri",), "credentials would travel unencrypted over http", "Write https:// if you can.", "warning"
        )


HALOITSM = Prototype(
    name="haloitsm",
    summary="A HaloITSM (or HaloPSA, HaloCRM, HaloServiceDesk): its address and the credentials of an application.",
    fields=HaloClientFields,
    build=HttpClient.from_fields,
    check=check,
)
HTTP = Prototype(
    name="http",
    summary="Any other REST API: no authentication, Basic, Bearer, a key in a header, or OAuth2 client credentials.",
    fields=HttpClientFields,
    build=HttpClient.from_fields,
    check=check,
)
