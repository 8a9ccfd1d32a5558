"""The HTTP client: how to talk to one system."""

from haloitsm_connector.client.fields import (
    ApiKey,
    ClientCredentials,
    HaloClientFields,
    HttpClientFields,
    Password,
    Retry,
    Timeouts,
)
from haloitsm_connector.client.http_client import HttpClient
from haloitsm_connector.client.request import File, Request, Response
from haloitsm_connector.client.session import Connection

__all__ = [
    "ApiKey",
    "ClientCredentials",
    "Connection",
    "File",
    "HaloClientFields",
    "HttpClient",
    "HttpClientFields",
    "Password",
    "Request",
    "Response",
    "Retry",
    "Timeouts",
]
