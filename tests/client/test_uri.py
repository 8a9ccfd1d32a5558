from __future__ import annotations

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.client import uri
from haloitsm_connector.errors import InputError


@pytest.mark.parametrize(
    "typed",
    [
        "https://acme.haloitsm.com",
        "https://acme.haloitsm.com/",
        "https://acme.haloitsm.com/api",
        "https://acme.haloitsm.com/API/",
        "  https://acme.haloitsm.com  ",
        "acme.haloitsm.com",
        "acme.haloitsm.com/api",
        "HTTPS://ACME.HaloITSM.com",
        "https://acme.haloitsm.com:443",
        "https://acme.haloitsm.com/auth",
        "https://acme.haloitsm.com/apidoc",
    ],
)
def test_the_address_of_a_halo_is_understood_however_it_is_typed(typed):
    assert uri.halo_uri(typed) == "https://acme.haloitsm.com"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("http://intranet:8080/halo/api", "http://intranet:8080/halo"),
        ("localhost:8080", "https://localhost:8080"),
        ("http://[::1]:80/", "http://[::1]"),
        ("müller.example", "https://müller.example"),
        ("https://host/a b", "https://host/a%20b"),
    ],
)
def test_self_hosted_addresses_keep_what_matters(typed, expected):
    assert uri.halo_uri(typed) == expected


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("https://", "no host name"),
        ("ftp://acme.com", "cannot start with ftp://"),
        ("https://ac me.com", "not a host name"),
        ("https:/acme.com", "two slashes"),
        ("https://acme..com", "not a host name"),
        ("https://acme.com:port", "not a URI"),
        ("https://acme.com:99999", "not a URI"),
        ("https://acme.com/?x=1", "ends before"),
        ("https://acme.com/#home", "ends before"),
        ("https://[::1", "not a URI"),
    ],
)
def test_nonsense_is_refused_in_words(typed, part):
    with pytest.raises(InputError, match=part) as caught:
        uri.base_uri(typed)
    assert "https://acme.haloitsm.com" in caught.value.hint


def test_credentials_in_an_address_are_refused_without_repeating_them():
    with pytest.raises(InputError) as caught:
        uri.base_uri("https://bob:hunter22@acme.com")
    assert "hunter22" not in str(caught.value)
    assert "authentication" in caught.value.hint


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_an_input_error(text):
    try:
        found = uri.base_uri(text)
    except InputError:
        return
    assert uri.base_uri(found) == found


@given(st.text(max_size=40) | st.text(max_size=20).map("//[{}".format))
def test_what_is_no_address_has_no_host_to_show(text):
    assert isinstance(uri.host_of(text), str)


def test_origins_are_compared_with_default_ports():
    assert uri.same_origin("https://a.com/x", "https://a.com:443/y")
    assert not uri.same_origin("https://a.com", "http://a.com")
    assert not uri.same_origin("https://a.com", "https://b.com")


def test_the_authorisation_server_may_be_given_with_its_token_path():
    assert uri.auth_uri("https://auth.haloservicedesk.com/token") == "https://auth.haloservicedesk.com"


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://host:8080/api/Tickets?a=b,c:d&e=%2f", "http://host:8080/api/Tickets?a=b,c:d&e=%2f"),
        ("https://Host:443/api/Ticket ü?q=a b#c", "https://host/api/Ticket%20%C3%BC?q=a%20b%23c"),
        ("https://müller.example:8443/api", "https://xn--mller-kva.example:8443/api"),
        ("https://host/100%?q=5%&r=%zz", "https://host/100%25?q=5%25&r=%25zz"),
        ("http://[::1]:8080/a?b?c", "http://[::1]:8080/a?b?c"),
        ("https://host", "https://host"),
    ],
)
def test_a_url_is_made_sendable_without_touching_what_is_encoded_already(url, sent):
    assert uri.sendable(url) == sent
    assert uri.sendable(sent) == sent


@given(st.text(st.characters(exclude_categories=["Cs", "C", "Z"]), max_size=30))
def test_what_is_sendable_is_so_for_good_and_for_httpx_too(text):
    try:
        sent = uri.sendable(f"https://host/api/{text}")
    except InputError:
        assert ".." in text.split("?")[0] or "." in text.split("?")[0].split("/")
        return
    assert uri.sendable(sent) == sent
    assert str(httpx.URL(sent)) == sent


@pytest.mark.parametrize("url", ["https://host/a/../b", "https://host/./b", "https://host/..", "https://host/a\nb"])
def test_what_would_arrive_as_something_else_is_an_input_error(url):
    with pytest.raises(InputError, match="cannot be sent"):
        uri.sendable(url)


@settings(max_examples=50, deadline=None)
@given(st.from_regex(uri._SENDABLE, fullmatch=True))
def test_what_is_taken_for_sendable_is_what_httpx_would_send(url):
    try:
        sent = httpx.URL(url)
    except httpx.InvalidURL:  # no such IP address or port: nobody can be reached there
        return
    assert str(sent) == url
