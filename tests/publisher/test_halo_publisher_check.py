"""What the catalogue says against a publisher's fields, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.errors import Finding
from haloitsm_connector.prototypes import Prototypes
from haloitsm_connector.publisher.haloitsm import HALOITSM

ONCE = {"find": "GET /Asset", "query": {"search": "{{ payload.inventory_number }}"}, "match": "inventory_number"}


def findings(catalogue: Catalogue, entity: str, **fields: Any) -> list[Finding]:
    given = HALOITSM.fields.model_validate({"client": "halo", "entity": entity, **fields})
    return list(HALOITSM.check(given, catalogue))


def test_all_three_prototypes_are_installed() -> None:
    installed = Prototypes("publishers")
    assert {"file", "haloitsm", "http"} <= set(installed.names())
    for name in ("file", "haloitsm", "http"):
        fields = installed.get(name).fields.model_fields
        assert all(field.description for field in fields.values()), name


@pytest.mark.parametrize(
    ("entity", "fields"),
    [
        ("POST /Asset", {}),
        ("DELETE /Asset/{id}", {}),
        ("DELETE /Asset/{id}", {"path": {"id": "{{ id }}"}}),
        ("POST /Asset", {"payload": {"inventory_number": "{{ serial }}", "client_id": "{{ client }}"}}),
        ("POST /Asset", {"payload": [{"assettype_id": 130}, {"assettype_id": "130"}]}),
        ("POST /Attachment", {"payload": {"ticket_id": 5, "file": "a.txt"}}),
        ("POST /Asset", {"once": ONCE, "payload": {"inventory_number": "x"}}),
        ("POST /Asset", {"once": ONCE | {"match": {"client_id": "{{ client }}"}}}),
        ("POST /Attachment/image", {"files": [{"path": "{{ photo }}"}]}),
    ],
)
def test_right_fields_give_no_finding(catalogue: Catalogue, entity: str, fields: dict[str, Any]) -> None:
    assert findings(catalogue, entity, **fields) == []


@pytest.mark.parametrize(
    ("entity", "fields", "path", "severity", "said"),
    [
        ("POST /Aset", {}, ("entity",), "error", "Did you mean"),
        ("GET /Asset", {}, ("entity",), "error", "POST or DELETE is needed"),
        ("DELETE /Asset/{id}", {"path": {}}, ("path",), "error", "needs a value for path parameter 'id'"),
        ("DELETE /Asset/{id}", {"path": {"id": 1, "x": 2}}, ("path", "x"), "error", "no path parameter 'x'"),
        ("DELETE /Tickets/{id}", {"query": {"raeson": "x"}}, ("query", "raeson"), "warning", "Did you mean 'reason'?"),
        (
            "POST /Asset",
            {"payload": {"inventory_numbr": "x"}},
            ("payload", "inventory_numbr"),
            "warning",
            "Did you mean 'inventory_number'?",
        ),
        ("POST /Asset", {"payload": [{}, {"client_id": "me"}]}, ("payload", 1, "client_id"), "warning", "of type"),
        ("DELETE /Asset/{id}", {"payload": {"id": 1}}, ("payload",), "warning", "takes no payload"),
        ("POST /Asset", {"files": [{"path": "x"}]}, ("files",), "error", "takes no files"),
        ("POST /Asset", {"once": ONCE | {"find": "GET /Aset"}}, ("once", "find"), "error", "Did you mean"),
        ("POST /Asset", {"once": ONCE | {"find": "GET /Asset/{id}"}}, ("once", "find"), "error", "GET /Asset."),
        ("POST /Asset", {"once": ONCE | {"query": {"serch": "x"}}}, ("once", "query", "serch"), "warning", "'search'"),
        ("POST /Asset", {"once": ONCE | {"match": "inventory_no"}}, ("once", "match"), "warning", "Did you mean"),
        ("POST /Asset", {"once": ONCE | {"match": []}}, ("once", "match"), "error", "names nothing"),
        ("POST /Asset", {"once": ONCE, "payload": {"client_id": 1}}, ("once", "match"), "error", "to compare with"),
        ("POST /Actions", {"once": {"find": "GET /Actions", "match": "note"}}, ("once",), "warning", "ticket_id"),
        ("POST /Tickets/vote", {"once": ONCE}, ("once",), "error", "takes no `once`"),
    ],
)
def test_what_is_wrong_is_found_at_its_place(
    catalogue: Catalogue, entity: str, fields: dict[str, Any], path: tuple[str | int, ...], severity: str, said: str
) -> None:
    found = next(each for each in findings(catalogue, entity, **fields) if each.path == path)
    assert found.severity == severity
    assert said in f"{found.what}. {found.hint}"


def test_bad_placeholder_of_a_look_up_is_refused() -> None:
    fields = {"client": "halo", "entity": "POST /Asset", "once": ONCE | {"query": {"search": "{{ a b }}"}}}
    with pytest.raises(ValueError, match="JMESPath"):
        HALOITSM.fields.model_validate(fields)


@pytest.mark.parametrize("field", ["payload", "path"])
def test_bad_placeholder_is_refused_with_the_fields(field: str) -> None:
    with pytest.raises(ValueError, match="JMESPath"):
        HALOITSM.fields.model_validate({"client": "halo", "entity": "POST /Asset", field: {"id": "{{ a b }}"}})
