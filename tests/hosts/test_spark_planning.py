"""What is planned for a cluster: partitions, shares of the budget, jobs. None of it needs Spark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from haloitsm_connector.client.fields import ClientCredentials, HaloClientFields
from haloitsm_connector.errors import InputError
from haloitsm_connector.hosts.spark.engine import jobs, run_here
from haloitsm_connector.hosts.spark.opened import Share
from haloitsm_connector.hosts.spark.reading import Narrowed, narrowable, pieces
from haloitsm_connector.hosts.spark.told import ToRead, ToWrite
from haloitsm_connector.pipeline import Pipeline
from haloitsm_connector.subscriber.parts import Part

CONFIGURATION = Path(__file__).with_name("halo.yaml")
SIGN_IN = ClientCredentials(client_id="x", client_secret="y")


def fields(**more):
    return HaloClientFields.model_validate({"base_uri": "https://halo.example.com", "authentication": SIGN_IN, **more})


@pytest.mark.parametrize("requests", [1, 5, 300])
@pytest.mark.parametrize("among", [2, 8, 70])
def test_all_shares_together_are_no_more_than_the_budget(requests, among):
    whole = fields(budget={"requests": requests, "window_seconds": 300})
    shares = [Share(number, among).of(whole) for number in range(among)]
    rate = sum(share.budget.requests / share.budget.window_seconds for share in shares)
    assert rate <= requests / 300 * (1 + 1e-9)
    assert len({share.state_folder for share in shares}) == among


def test_a_hosted_tenant_has_a_budget_without_being_told_and_others_have_none():
    hosted = HaloClientFields.model_validate({"base_uri": "https://acme.haloitsm.com", "authentication": SIGN_IN})
    assert Share(0, 3).of(hosted).budget.requests == 100
    assert Share(0, 3).of(fields()).budget is None
    assert Share(0, 3).of(fields(budget="off")).budget == "off"


def test_the_budget_is_divided_among_the_partitions_of_each_tenant(settings):
    told = ToRead.of(
        {**settings, "config": str(CONFIGURATION), "incoming": "all_tickets,bad_ticket", "partitions": "3"}
    )
    made = pieces(told, Narrowed())
    names = [(*[name for name, part in piece.parts], piece.share.number) for piece in made]
    assert names == [("all_tickets", 0), ("all_tickets", 1), ("all_tickets", 2), ("bad_ticket", 3)]
    assert {piece.share.among[tenant(settings)] for piece in made} == {4}


def test_no_more_partitions_ask_a_tenant_with_a_budget_than_run_at_once(settings, tmp_path):
    """So that it does not matter which of them run on which machine: each has a part of the budget, for good."""
    text = CONFIGURATION.read_text("utf-8")
    one = text[text.index("  halo:\n") : text.index("transformers:\n")].rstrip() + "\n    budget: {requests: 700}\n"
    file = tmp_path / "both.yaml"
    file.write_text("clients:\n" + one + one.replace("halo:", "other:", 1), "utf-8")
    told = {**settings, "config": str(file), "entity": "GET /Tickets", "clients": "halo, other", "page_size": "10"}
    told |= {"partitions": "9", "at_once": "4"}
    del told["base_uri"]
    told["secret_variables"] = json.dumps({f"HALO_{name.upper()}": value for name, value in settings.items()})
    made = pieces(ToRead.of(told), Narrowed())
    assert [piece.share for piece in made] == [Share(number, {tenant(settings): 4}) for number in range(4)]
    assert sum(len(piece.parts) for piece in made) == 18


def tenant(settings):
    return f"{settings['base_uri'].removeprefix('http://')} {settings['tenant']}"


def test_what_is_asked_for_by_hand_is_not_asked_for_otherwise_by_a_filter(settings):
    told = {**settings, "entity": "GET /Tickets"}
    assert {"last_update", "client_id", "id"} <= narrowable(ToRead.of(told))
    assert not {"last_update", "client_id"} & narrowable(
        ToRead.of({**told, "query": '{"client_id": 3, "LastUpdateFromDate": "2026-01-01"}'})
    )


@pytest.mark.parametrize(
    ("narrowed", "left"),
    [
        (Narrowed(), Part(after=10, last=20, position=5)),
        (Narrowed(first=15), Part(after=14, last=20)),
        (Narrowed(last=12), Part(after=10, last=12, position=5)),
        (Narrowed(first=21), None),
        (Narrowed(last=10), None),
        (Narrowed(first=3, last=99), Part(after=10, last=20, position=5)),
    ],
)
def test_what_filters_leave_of_a_range(narrowed, left):
    assert narrowed.taken(Part(after=10, last=20, position=5)) == left


def test_chains_about_all_records_are_not_divided(settings, tmp_path):
    text = CONFIGURATION.read_text("utf-8").replace("transformers: [row]", "transformers: [{limit: 5}]", 1)
    (tmp_path / "halo.yaml").write_text(text, "utf-8")
    told = ToRead.of({**settings, "config": str(tmp_path / "halo.yaml"), "incoming": "all_tickets"})
    assert [piece.parts for piece in pieces(told, Narrowed())] == [(("all_tickets", None),)]


@pytest.mark.parametrize(
    "options", [{"state": "a secret"}, {"partitions": "a secret"}, {"secret_variables": "a secret"}]
)
def test_options_are_refused_without_showing_them(options, settings):
    with pytest.raises(InputError) as raised:
        ToRead.of({**settings, **options, "unknown": "a secret"})
    assert "a secret" not in str(raised.value)


def test_what_spark_hands_on_of_its_own_is_left_alone():
    assert ToWrite.of({"outgoing": "x", "checkpointlocation": "/somewhere"}).outgoing == "x"


def test_only_a_postgresql_is_shared(monkeypatch):
    monkeypatch.setenv("HALOITSM_STATE", "/somewhere/state.sqlite")
    assert ToWrite.of({"outgoing": "x"}).shared_state is None
    monkeypatch.setenv("HALOITSM_STATE", "postgresql://somewhere/state")
    assert ToWrite.of({"outgoing": "x"}).shared_state == "postgresql://somewhere/state"


def test_routes_of_one_incoming_are_one_job_which_runs_anywhere(settings, tmp_path, sandbox):
    file = tmp_path / "routes.yaml"
    file.write_text(
        CONFIGURATION.read_text("utf-8").replace("    transformers: [row]", "    transformers: []") + ROUTES
    )
    environ = {f"HALO_{name.upper()}": value for name, value in settings.items()} | {"OTHER": "not named"}
    state = tmp_path / "state.sqlite"
    with Pipeline.load(file, environ=environ, state=state) as pipeline:
        made = jobs(pipeline, [], state, environ)
    assert [job.names for job in made] == [("one", "two"), ("three",)]
    assert all(job.share.among == {tenant(settings): 2} for job in made)
    assert "OTHER" not in made[0].environ
    assert "secret" not in repr(made)
    ran = run_here(made[1])
    assert (ran.exit_status, ran.errors) == (0, [])
    assert ran.counts["three"]["finished"] == 3
    assert len([row for row in sandbox.tables["Tickets"].values() if row["summary"] == "Of a job"]) == 3
    json.dumps(ran.counts)


ROUTES = """
  log: {publisher: {prototype: file, path: out.jsonl}}
routes:
  one: {incoming: all_tickets, outgoing: log}
  two: {incoming: all_tickets, outgoing: log}
  three:
    incoming: new_tickets
    transformers: [{limit: 3}, {set: {subject: Of a job, client: 1}}]
    outgoing: tickets
"""
