from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import HttpClient
from haloitsm_connector.client.fields import HaloClientFields, HttpClientFields
from haloitsm_connector.client.prototype import HALOITSM, HTTP
from haloitsm_connector.errors import InputError
from haloitsm_connector.prototypes import Prototypes

CATALOGUE = Catalogue.load()
CREDENTIALS = {"type": "client_credentials", "client_id": "id-1", "client_secret": "not-to-be-seen"}


def halo(**more) -> HaloClientFields:
    return HaloClientFields.model_validate({"base_uri": "acme.haloitsm.com", "authentication": CREDENTIALS} | more)


def models(schema: dict) -> list[dict]:
    return [schema, *schema.get("$defs", {}).values()]


@pytest.mark.parametrize("prototype", [HALOITSM, HTTP])
def test_every_field_is_described_for_the_editor(prototype):
    for model in models(prototype.fields.model_json_schema()):
        for name, entry in model["properties"].items():
            assert entry.get("description") or name == "type", (model["title"], name)


def test_both_prototypes_are_installed():
    assert Prototypes("clients").get("haloitsm") is HALOITSM
    assert Prototypes("clients").get("http") is HTTP


@pytest.mark.parametrize("blank", ["tenant", "api_uri", "auth_uri", "proxy", "ca_bundle"])
def test_an_empty_optional_field_counts_as_left_out(blank):
    assert getattr(halo(**{blank: ""}), blank) is None


def test_normal_statuses_are_numbers_and_ranges():
    fields = halo(normal_statuses=[404, "410-419", "451"])
    assert [status for status in range(400, 500) if fields.is_normal(status)] == [404, *range(410, 420), 451]


@pytest.mark.parametrize("status", [0, 99, 600, "4xx", "419-410", "", True])
def test_a_normal_status_that_is_none_is_refused(status):
    with pytest.raises(ValidationError):
        halo(normal_statuses=[status])


@pytest.mark.parametrize(
    "authentication",
    [
        CREDENTIALS | {"client_secret": ""},
        CREDENTIALS | {"client_secret": 12345678},
        CREDENTIALS | {"client_secrett": "x"},
        {"type": "api_key", "api_key": "line\nbreak-not-to-be-seen"},
        {"type": "bearer", "token": "not-to-be-seen"},
        {"type": "client_credentials", "client_secret": "not-to-be-seen"},
    ],
)
def test_mistakes_are_told_without_repeating_a_secret(authentication):
    with pytest.raises(ValidationError) as caught:
        halo(authentication=authentication)
    with pytest.raises(InputError) as told:
        HttpClient("acme.haloitsm.com", authentication)
    for text in (str(caught.value), str(told.value), repr(told.value)):
        assert "not-to-be-seen" not in text
        assert "12345678" not in text


def test_a_wrong_option_gets_a_suggestion():
    with pytest.raises(InputError, match=r"no option 'tenent'.*Did you mean 'tenant'"):
        HttpClient("acme.haloitsm.com", CREDENTIALS, tenent="acme")


def test_a_wrong_address_is_told_with_its_field():
    with pytest.raises(InputError, match=r"base_uri: .*not a host name"):
        HttpClient("https://ac me.com", CREDENTIALS)


def test_a_model_of_the_wrong_kind_is_told_like_any_other_mistake():
    fields = HttpClientFields.model_validate(
        {"base_uri": "example.com", "authentication": {"type": "bearer", "token": "abcdefgh"}}
    )
    assert isinstance(fields.authentication, BaseModel)
    with pytest.raises(InputError, match="authentication"):
        HttpClient("example.com", fields.authentication)


def test_the_check_finds_what_types_cannot_see(tmp_path):
    (tmp_path / "empty.pem").write_text("")
    fields = halo(base_uri="http://acme.example", proxy="socks5://x:1", ca_bundle=str(tmp_path / "empty.pem"))
    found = {finding.path: finding.severity for finding in HALOITSM.check(fields, CATALOGUE)}
    assert found == {("proxy",): "error", ("ca_bundle",): "error", ("base_uri",): "warning"}
    assert list(HALOITSM.check(halo(base_uri="http://localhost:1"), CATALOGUE)) == []


def test_the_http_prototype_appends_paths_to_the_base_uri_as_it_stands():
    client = HTTP.build(HttpClientFields(base_uri="https://api.example.com/v2/api/"))
    assert client.api_uri == "https://api.example.com/v2/api"
