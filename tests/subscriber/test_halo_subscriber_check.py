"""What the catalogue says against a subscriber's fields, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.catalogue.usage import fits
from haloitsm_connector.errors import Finding
from haloitsm_connector.prototypes import Prototypes
from haloitsm_connector.subscriber.haloitsm import HALOITSM


def findings(catalogue: Catalogue, entity: str, **fields: Any) -> list[Finding]:
    given = HALOITSM.fields.model_validate({"client": "halo", "entity": entity, **fields})
    return list(HALOITSM.check(given, catalogue))


def test_all_three_prototypes_are_installed() -> None:
    installed = Prototypes("subscribers")
    assert {"file", "haloitsm", "http"} <= set(installed.names())
    for name in ("file", "haloitsm", "http"):
        fields = installed.get(name).fields.model_fields
        assert all(field.description for field in fields.values()), name


@pytest.mark.parametrize(
    ("entity", "parameters"),
    [
        ("GET /Actions/{id}", {"path": {"id": "AC12"}, "query": {"includedetails": True, "ticket_id": 5}}),
        ("GET /Tickets/{id}", {"path": {"id": [1, "2"]}}),
        (
            "GET /Tickets",
            {"query": {"open_only": "true", "agent_id": "3", "lastupdatefromdate": "2026-01-31T12:00:00Z"}},
        ),
    ],
)
def test_right_parameters_give_no_finding(catalogue: Catalogue, entity: str, parameters: dict[str, Any]) -> None:
    assert findings(catalogue, entity, request_parameters=parameters) == []


@pytest.mark.parametrize(
    ("entity", "parameters", "path", "severity", "said"),
    [
        ("GET /Tickest", {}, ("entity",), "error", "Did you mean"),
        ("POST /Asset", {}, ("entity",), "error", "GET is needed here"),
        ("GET /Tickets/{id}", {}, ("request_parameters", "path"), "error", "needs a value for path parameter 'id'"),
        ("GET /Tickets/{id}", {"path": {"id": None}}, ("request_parameters", "path", "id"), "error", "must be text"),
        (
            "GET /Tickets/{id}",
            {"path": {"id": 1, "ticket": 2}},
            ("request_parameters", "path", "ticket"),
            "error",
            "has no path parameter 'ticket'",
        ),
        (
            "GET /Tickets",
            {"query": {"open_onyl": True}},
            ("request_parameters", "query", "open_onyl"),
            "warning",
            "Did you mean 'open_only'?",
        ),
        (
            "GET /Tickets",
            {"query": {"agent_id": "me"}},
            ("request_parameters", "query", "agent_id"),
            "warning",
            "of type integer",
        ),
        (
            "GET /Tickets",
            {"query": {"page_no": 2}},
            ("request_parameters", "query", "page_no"),
            "warning",
            "paging off",
        ),
        ("GET /Actions", {}, ("request_parameters",), "warning", "answers nothing without one of: ticket_id"),
    ],
)
def test_what_is_wrong_is_found_at_its_place(
    catalogue: Catalogue, entity: str, parameters: dict[str, Any], path: tuple[str, ...], severity: str, said: str
) -> None:
    (found,) = findings(catalogue, entity, request_parameters=parameters)
    assert (found.path, found.severity) == (path, severity)
    assert said in f"{found.what}. {found.hint}"


def test_path_parameter_that_a_transformer_may_supply_is_not_missing(catalogue: Catalogue) -> None:
    assert findings(catalogue, "GET /Tickets/{id}", input_transformers=[{"set": {"path.id": 1}}]) == []


@pytest.mark.parametrize(
    ("type_", "right", "wrong"),
    [
        ("integer", [5, "5", 5.0, -1, None, "{{ id }}"], ["five", True, [], {}]),
        ("number", [0.5, "0.5"], ["0,5"]),
        ("boolean", [True, "false", "TRUE"], [1, "yes"]),
        ("string", ["x", 5, [1, 2]], []),
        ("array", [[1], 5, "1,2"], [{"a": 1}]),
        ("object", [{"a": 1}], ["x", [1]]),
        ("date-time", ["2026-01-31", "2026-01-31T12:00:00Z"], ["yesterday", 5]),
        ("uuid", ["6f1c1a52-9d3e-4a0b-8d2b-0c5b8f0e7a11"], ["6f1c"]),
        ("any", [{"a": 1}, "x"], []),
    ],
)
def test_values_fit_types_as_halo_reads_them(type_: str, right: list[Any], wrong: list[Any]) -> None:
    assert [value for value in right if not fits(type_, value)] == []
    assert [value for value in wrong if fits(type_, value)] == []
