"""Every shape in which Halo answers a GET is read as the entities it holds, or refused with a reason."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import Response
from haloitsm_connector.errors import AnswerError, ConnectorError
from haloitsm_connector.subscriber.listing import Page, read_page

Respond = Callable[..., Response]
A, B = {"id": 1, "name": "a"}, {"id": 2, "name": "b"}


@pytest.fixture
def shape(catalogue: Catalogue, respond: Respond) -> Callable[..., Page]:
    def read(entity: str, body: Any, **how: Any) -> Page:
        return read_page(catalogue.find(entity, ("GET",)), respond(body, **how))

    return read


@pytest.mark.parametrize(
    ("entity", "body", "rows"),
    [
        ("GET /Tickets", {"record_count": 2, "tickets": [A, B]}, [A, B]),
        (
            "GET /Tickets",
            {"record_count": 2, "columns": [{"id": 9}], "statuses": [{"id": 8}], "faults": [A, B]},
            [A, B],
        ),
        ("GET /Agent", [A, B], [A, B]),
        ("GET /Agent", {"record_count": 2, "results": [A, B]}, [A, B]),
        ("GET /CRMNote", {"actions": [A], "record_count": 717}, [A]),
        ("GET /InvoiceStatus", {"data": [A]}, [A]),
        ("GET /Status", {"priorities": [], "empty": [], "anything": [A]}, [A]),
        ("GET /Tickets", {"record_count": 0, "tickets": []}, []),
        ("GET /Tickets", {"record_count": 0, "tickets": None, "agents": [A]}, []),
        ("GET /Tickets", {"record_count": 0}, []),
        ("GET /Tickets", [], []),
        ("GET /Tickets", None, []),
        ("GET /Status", [7, None], [{"value": 7}, {"value": None}]),
        ("GET /Feature", {"id": 5, "flags": [1, 2]}, [{"id": 5, "flags": [1, 2]}]),
    ],
)
def test_list_is_read_from_any_envelope(
    shape: Callable[..., Page], entity: str, body: Any, rows: list[dict[str, Any]]
) -> None:
    assert shape(entity, body).rows == rows


@pytest.mark.parametrize(
    ("entity", "body", "rows"),
    [
        ("GET /Tickets/{id}", {"id": 1, "assets": [A]}, [{"id": 1, "assets": [A]}]),
        ("GET /Tickets/{id}", [A], [A]),
        ("GET /Tickets/{id}", {"record_count": 1, "tickets": [A]}, [A]),
        ("GET /Tickets/{id}", {"tickets": [A]}, [A]),
        ("GET /Tickets/{id}", {"customfields": [A, B]}, [{"customfields": [A, B]}]),
        ("GET /Tickets/{id}", None, []),
        ("GET /Asset/NextTag", "PC-101", [{"value": "PC-101"}]),
    ],
)
def test_details_are_one_entity_and_wrappers_of_one_are_taken_off(
    shape: Callable[..., Page], entity: str, body: Any, rows: list[dict[str, Any]]
) -> None:
    assert shape(entity, body).rows == rows


@pytest.mark.parametrize("body", [b"", b"  \n"])
def test_empty_body_is_no_entity(shape: Callable[..., Page], body: bytes) -> None:
    assert shape("GET /Tickets", body).rows == []
    assert shape("GET /Tickets/{id}", body, status=204).rows == []


@pytest.mark.parametrize("count", [0, None, "717", True, -5])
def test_record_count_that_makes_no_sense_is_taken_for_unknown(shape: Callable[..., Page], count: Any) -> None:
    assert shape("GET /Tickets", {"record_count": count, "tickets": [A]}) == Page([A], 0)


def test_attachment_becomes_an_entity_of_name_type_size_and_content(shape: Callable[..., Page]) -> None:
    disposition = "attachment; filename*=UTF-8''na%C3%AFve.pdf"
    page = shape("GET /Attachment/{id}", b"%PDF", media_type="application/pdf", content_disposition=disposition)
    assert page.rows == [
        {
            "filename": "naïve.pdf",
            "content_type": "application/pdf",
            "size": 4,
            "data_base64": base64.b64encode(b"%PDF").decode(),
        }
    ]


def test_attached_json_file_stays_a_file(shape: Callable[..., Page]) -> None:
    page = shape("GET /Attachment/{id}", {"error": "is text"}, content_disposition='attachment; filename="a.json"')
    assert page.rows[0]["filename"] == "a.json"


def test_nameless_file_is_called_as_its_url_ends(shape: Callable[..., Page]) -> None:
    assert shape("GET /Attachment/{id}", b"\x00", media_type="image/png").rows[0]["filename"] == "Things"


def test_loaded_report_is_its_rows(shape: Callable[..., Page]) -> None:
    body = {"id": 3, "name": "Open", "report": {"loaded": True, "rows": [A, B], "load_error": None}}
    assert shape("GET /Report/{id}", body).rows == [A, B]
    assert shape("GET /Report/{id}", {"id": 3, "sql": "select 1", "report": None}).rows == [
        {"id": 3, "sql": "select 1", "report": None}
    ]
    assert shape("GET /Report/{id}", {"id": 3, "report": {"loaded": True}}).rows == []
    assert shape("GET /ReportData/{publishedid}", {"rows": [A], "loaded": True}).rows == [A]


def test_report_whose_sql_fails_is_an_error_with_the_reason(shape: Callable[..., Page]) -> None:
    body = {"id": 3, "report": {"loaded": False, "load_error": "Invalid column name 'x'", "rows": []}}
    with pytest.raises(AnswerError, match="Invalid column name 'x'"):
        shape("GET /Report/{id}", body)


@pytest.mark.parametrize(
    ("body", "media_type", "said"),
    [
        ({"error": "Rate Limit Reached"}, "application/json", "Rate Limit Reached"),
        ({"ClassName": "System.Exception", "Message": "Boom", "HResult": 1}, "application/json", "Boom"),
        ("no rights", "application/json", "no rights"),
        (b"<html><title>Gateway</title>", "text/html", "a web page"),
        (b'{"tickets": [{"id": 1}, {"i', "application/json", "not complete JSON"),
        ({"record_count": 717, "columns": []}, "application/json", "717 records but holds no list"),
    ],
)
def test_error_in_a_successful_answer_is_not_taken_for_data(
    shape: Callable[..., Page], body: Any, media_type: str, said: str
) -> None:
    with pytest.raises(ConnectorError, match=said):
        shape("GET /Tickets", body, media_type=media_type)


def test_record_with_an_error_of_its_own_is_data(shape: Callable[..., Page]) -> None:
    row = {"id": 4, "error": "printer on fire"}
    assert shape("GET /Tickets/{id}", row).rows == [row]
