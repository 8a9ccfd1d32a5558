from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import httpx
import orjson
import pytest

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.errors import InputError
from haloitsm_connector.sandbox import Quirks, Sandbox, serve
from haloitsm_connector.sandbox.errors import shaped
from haloitsm_connector.sandbox.quirks import Shape
from haloitsm_connector.sandbox.seed.builders import BUILDERS


def test_the_same_seed_gives_the_same_data_in_whatever_order_it_is_read(start: Callable[..., Sandbox]) -> None:
    first, second, other = start(seed=7), start(seed=7), start(seed=8)
    names = ("Tickets", "Actions", "Client", "Webhook", "Control")
    one = [dict(first.tables[name]) for name in names]
    two = [dict(second.tables[name]) for name in reversed(names)][::-1]
    assert one == two
    assert one != [dict(other.tables[name]) for name in names]
    assert first.client_secret == second.client_secret != other.client_secret


def test_scale_multiplies_the_data(start: Callable[..., Sandbox]) -> None:
    assert len(start(scale=3).tables["Tickets"]) == 960
    assert len(start(scale=0.01).tables["Tickets"]) == 3


def test_records_refer_to_records_that_exist(sandbox: Sandbox) -> None:
    tables = sandbox.tables
    for ticket in tables["Tickets"].values():
        user, site = tables["Users"][ticket["user_id"]], tables["Site"][ticket["site_id"]]
        assert user["site_id"] == site["id"]
        assert site["client_id"] == ticket["client_id"]
        assert ticket["client_name"] == tables["Client"][ticket["client_id"]]["name"]
    assert {ticket for ticket, _ in tables["Actions"]} == set(tables["Tickets"])


def test_it_starts_at_once(catalogue: Catalogue) -> None:
    before = time.perf_counter()
    with Sandbox(catalogue=catalogue, scale=1000):
        assert time.perf_counter() - before < 0.5


def test_own_data_takes_the_place_of_tables(
    start: Callable[..., Sandbox], enter: Callable[..., httpx.Client], tmp_path: Path
) -> None:
    own = {"Client": [{"id": 7, "name": "Mine"}], "tickets": [{"summary": "no id"}, {"summary": "none either"}]}
    file = tmp_path / "own.json"
    file.write_bytes(orjson.dumps(own))
    halo = enter(start(data=file))
    assert halo.get("/Client").json()["clients"] == [{"id": 7, "name": "Mine"}]
    assert [row["id"] for row in halo.get("/Tickets").json()["tickets"]] == [1, 2]
    assert halo.get("/Site").json()["sites"][0]["client_name"] == "Mine"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"Ticket": []}, "Halo has no table 'Ticket'. Did you mean 'Tickets'?"),
        ({"Tickets": {"id": 1}}, "'Tickets' is not a list of objects"),
        ({"Tickets": [{"id": 1}, {"id": "1.5"}]}, "Tickets[1].id: Could not convert '1.5' to integer"),
        ("nowhere.json", "nowhere.json: cannot be read: No such file or directory"),
    ],
)
def test_bad_data_is_named(data: Any, text: str) -> None:
    with pytest.raises(InputError, match=re.escape(text)):
        Sandbox(data=data)


def test_data_that_is_not_json_is_located(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    file.write_text('{"Tickets": [\n{]}')
    with pytest.raises(InputError, match=r"own\.json:2:"):
        Sandbox(data=file)


def test_an_unknown_switch_or_value_is_named() -> None:
    with pytest.raises(InputError, match=r"no switch 'page_caps'\. Did you mean 'page_cap'\?"):
        Sandbox(page_caps=10)
    with pytest.raises(InputError, match="It takes record, empty, no_content"):
        Sandbox(delete_answer="nothing")


def test_switches_can_be_changed_while_it_runs(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.switch(page_cap=3)
    assert len(halo.get("/Tickets", params={"pageinate": "true", "page_size": 10}).json()["tickets"]) == 3


def test_every_request_is_written_down_as_it_came(sandbox: Sandbox, halo: httpx.Client) -> None:
    sandbox.requests.clear()
    halo.post("/Tickets?returnall=true", json=[{"summary": "ü"}])
    halo.get("/Actions/AC12%2f..%2fUsers?Count=1")
    first, second = sandbox.requests
    assert (first.method, first.path, first.query, first.status) == ("POST", "/api/Tickets", {"returnall": "true"}, 201)
    assert first.body == [{"summary": "ü"}]
    assert (second.target, second.status) == ("/api/Actions/AC12%2f..%2fUsers?Count=1", 400)


def test_past_the_rate_limit_it_answers_429(start: Callable[..., Sandbox], enter: Callable[..., httpx.Client]) -> None:
    sandbox = start(rate_limit=3, rate_window_seconds=300, retry_after="7")
    halo = enter(sandbox)
    statuses = [halo.get("/Status").status_code for _ in range(3)]
    refused = halo.get("/Status")
    assert statuses == [200, 200, 429]
    assert refused.json() == {"error": "Rate Limit Reached - 3 Requests per rolling 5 minute window"}
    assert refused.headers["retry-after"] == "7"
    assert "retry-after" not in shaped("error", "", 429).headers


def test_families_have_their_own_error_bodies_and_rotation_shows_all(
    start: Callable[..., Sandbox], enter: Callable[..., httpx.Client]
) -> None:
    halo = enter(start())
    assert halo.post("/Actions", json=[{"ticket_id": 2001}]).headers["content-type"].startswith("text/plain")
    assert halo.post("/Tickets", json=[{}]).json()["ClassName"] == "System.Exception"
    assert "[0].site_id" in halo.post("/Users", json=[{"name": "n"}]).json()
    rotating = enter(start(error_shape="rotate"))
    bodies = [rotating.post("/Tickets", json=[{}]).text for _ in range(9)]
    assert len(set(bodies)) == 9


@pytest.mark.parametrize("shape", get_args(Shape))
def test_every_error_shape_keeps_the_status(shape: Shape) -> None:
    answer = shaped(shape, "No", 418)
    assert answer.status == 418
    assert b"No" in answer.body or shape == "empty"


def test_a_taken_port_is_a_problem_in_words(sandbox: Sandbox, catalogue: Catalogue) -> None:
    port = int(sandbox.base_uri.rpartition(":")[2])
    with pytest.raises(InputError, match=f"Cannot listen on 127.0.0.1:{port}"):
        Sandbox(port, catalogue=catalogue).start()


def test_serving_announces_itself_and_ends_when_closed() -> None:
    seen: list[Sandbox] = []
    thread = threading.Thread(target=serve, kwargs={"ready": seen.append})
    thread.start()
    while not seen:
        time.sleep(0.01)
    assert httpx.get(f"{seen[0].environment['HALO_BASE_URI']}/api/AuthInfo").status_code == 200
    seen[0].close()
    thread.join(5)
    assert not thread.is_alive()
    seen[0].close()


def test_every_switch_is_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text("utf-8")
    assert [field.name for field in fields(Quirks) if f"`{field.name}`" not in page] == []
    assert [shape for shape in get_args(Shape) if f"`{shape}`" not in page] == []


def test_what_was_written_before_a_table_is_looked_at_does_not_change_it(
    start: Callable[..., Sandbox], enter: Callable[..., httpx.Client]
) -> None:
    sandbox, untouched = start(), start()
    halo = enter(sandbox)
    for user in list(untouched.tables["Users"])[1:]:
        halo.delete(f"/Users/{user}")
    assert sandbox.tables["Tickets"] == untouched.tables["Tickets"]


@pytest.mark.parametrize("empty", ["Client", "Site", "Users", "Agent", "Priority", "Tickets", "Outcome", "Supplier"])
def test_a_table_left_empty_leaves_the_others_readable(
    start: Callable[..., Sandbox], enter: Callable[..., httpx.Client], empty: str
) -> None:
    halo = enter(start(data={empty: []}))
    assert {halo.get(f"/{name}").status_code for name in BUILDERS} == {200}
