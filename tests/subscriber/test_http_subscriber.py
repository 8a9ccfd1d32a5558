"""Any REST API is read over real sockets: by page, by offset, by next link, or in one go."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from haloitsm_connector.client import HttpClient
from haloitsm_connector.errors import AnswerError, InputError, StatusError
from haloitsm_connector.prototypes import Prototypes
from haloitsm_connector.subscriber import HttpSubscriber
from haloitsm_transformers.paging import NextLinkPaging, OffsetPaging, PagePaging

ROWS = [{"id": number} for number in range(25)]
Serving = Callable[..., HttpClient]


def reply(body: Any, status: int = 200, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"content-type": "application/json", **headers}, json.dumps(body).encode()


def query(target: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(target).query))


def test_pages_by_number(serving: Serving) -> None:
    def page(target: str) -> Any:
        start = (int(query(target)["p"]) - 1) * 10
        return reply({"data": {"devices": ROWS[start : start + 10]}})

    paging = PagePaging(type="page", page_parameter="p", size_parameter="per_page", page_size=10)
    assert list(HttpSubscriber(serving(page), "/v1/devices", items="data.devices", paging=paging)) == ROWS


def test_pages_by_offset_go_on_by_what_was_received(serving: Serving) -> None:
    asked = []

    def page(target: str) -> Any:
        asked.append(query(target))
        start = int(query(target)["offset"])
        return reply(ROWS[start : start + 4])

    assert list(HttpSubscriber(serving(page), "/devices", paging=OffsetPaging(type="offset"))) == ROWS
    assert asked[:2] == [{"offset": "0", "limit": "100"}, {"offset": "4", "limit": "100"}]


def test_paging_starts_where_the_query_says(serving: Serving) -> None:
    def page(target: str) -> Any:
        start = int(query(target)["offset"])
        return reply(ROWS[start : start + 4])

    paging = OffsetPaging(type="offset")
    assert list(HttpSubscriber(serving(page), "/devices", query={"offset": 10}, paging=paging)) == ROWS[10:]
    with pytest.raises(InputError, match="whole number"):
        list(HttpSubscriber(serving(lambda target: reply(ROWS)), "/d", query={"offset": "x1"}, paging=paging))


@pytest.mark.parametrize("where", ["body", "header"])
def test_pages_by_next_link_even_past_an_empty_one(serving: Serving, where: str) -> None:
    def page(target: str) -> Any:
        start = int(query(target).get("after", "0"))
        following = f"/devices?after={start + 5}" if start < 25 else None
        rows = [] if start == 10 else ROWS[start : start + 5]
        if where == "body":
            return reply({"items": rows, "next": following})
        link = f'</devices?after=0>; rel="first", <{following}>; rel="next"' if following else ""
        return reply({"items": rows}, link=link)

    paging = NextLinkPaging(type="next_link", next="next" if where == "body" else None)
    read = list(HttpSubscriber(serving(page), "/devices", items="items", paging=paging))
    assert read == ROWS[:10] + ROWS[15:]


@pytest.mark.parametrize(
    ("link", "said"),
    [("https://elsewhere.example/devices", "another host"), ("http://[", "no URL"), (5, "gives no link")],
)
def test_link_that_leads_elsewhere_is_not_followed(serving: Serving, link: Any, said: str) -> None:
    client = serving(lambda target: reply({"items": ROWS[:1], "next": link}))
    paging = NextLinkPaging(type="next_link", next="next")
    pages = HttpSubscriber(client, "/devices", items="items", paging=paging).pages()
    assert next(pages) == ROWS[:1]
    with pytest.raises(AnswerError, match=said):
        next(pages)


def test_link_to_the_page_itself_ends_the_reading(serving: Serving) -> None:
    client = serving(lambda target: reply({"items": [], "next": "/devices"}))
    paging = NextLinkPaging(type="next_link", next="next")
    assert list(HttpSubscriber(client, "/devices", items="items", paging=paging)) == []


def test_link_to_an_earlier_page_ends_the_reading(serving: Serving) -> None:
    def page(target: str) -> Any:
        number = int(query(target).get("p", "0"))
        return reply({"items": [{"id": number}], "next": f"/devices?p={number % 3 + 1}"})

    paging = NextLinkPaging(type="next_link", next="next")
    read = list(HttpSubscriber(serving(page), "/devices", items="items", paging=paging))
    assert read == [{"id": number} for number in range(4)]


def test_path_values_fill_the_uri_and_lists_fan_out(serving: Serving) -> None:
    client = serving(lambda target: reply({"target": target}))
    subscriber = HttpSubscriber(client, "/sites/{id}/devices", path={"id": ["a/b", 2]}, query={"q": "x y"})
    assert [entity["target"] for entity in subscriber] == ["/sites/a%2Fb/devices?q=x%20y", "/sites/2/devices?q=x%20y"]
    assert len(list(HttpSubscriber(client, "/sites/{id}", path={"id": [1, 2, 3]}, limit=2))) == 2


def test_headers_are_sent_and_values_become_entities(serving: Serving) -> None:
    assert list(HttpSubscriber(serving(lambda target: reply([1, "a"])), "/x", headers={"x-version": "2"})) == [
        {"value": 1},
        {"value": "a"},
    ]
    request = next(HttpSubscriber(serving(lambda target: reply([])), "/x", headers={"x-version": "2"}).requests())
    assert request.headers == (("x-version", "2"),)


def test_error_status_and_error_in_a_success_are_told(serving: Serving) -> None:
    with pytest.raises(StatusError, match="too many devices"):
        list(HttpSubscriber(serving(lambda target: reply({"error": "too many devices"}, 422)), "/x"))
    with pytest.raises(AnswerError, match="no such table"):
        list(HttpSubscriber(serving(lambda target: reply({"error": "no such table"})), "/x", items="items"))
    with pytest.raises(AnswerError, match="something else than expected"):
        list(HttpSubscriber(serving(lambda target: reply({"items": 5})), "/x", items="sort(items)"))
    assert list(HttpSubscriber(serving(lambda target: reply({"total": 0})), "/x", items="items")) == []
    assert list(HttpSubscriber(serving(lambda target: (204, {}, b"")), "/x")) == []


def test_fields_build_the_subscriber(serving: Serving) -> None:
    prototype = Prototypes("subscribers").get("http")
    fields = prototype.fields.model_validate(
        {"client": "api", "uri": "/x", "items": "items", "paging": {"type": "page"}, "limit": 5}
    )
    client = serving(lambda target: reply({"items": ROWS if query(target)["page"] == "1" else []}))
    assert list(prototype.check(fields, None)) == []
    assert list(prototype.build(fields, client, {}, None)) == ROWS[:5]


def test_misspelt_items_are_told_and_null_is_an_empty_list(serving: Serving) -> None:
    client = serving(lambda target: reply({"data": {"devices": ROWS, "none": None}}))
    with pytest.raises(AnswerError, match=r"without 'devicez'.*Did you mean 'devices'"):
        list(HttpSubscriber(client, "/devices", items="data.devicez"))
    assert list(HttpSubscriber(client, "/devices", items="data.none")) == []
    assert list(HttpSubscriber(client, "/devices", items="data.devices")) == ROWS
