"""Exported collections run in Postman's own runner against the sandbox."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

CHOSEN = (
    "GET /Client", "GET /Client/{id}", "POST /Client", "GET /Tickets", "GET /Tickets/{id}", "POST /Tickets",
    "GET /Agent", "POST /Actions", "GET /Asset", "POST /Asset", "GET /Site", "POST /Users", "GET /Attachment",
    "POST /Attachment", "GET /Report", "GET /Status", "DELETE /Asset/{id}", "DELETE /TicketApproval/{id}&{seq}",
)  # fmt: skip
COLLECTION, ENVIRONMENT = "x.postman_collection.json", "x.postman_environment.json"


@pytest.fixture
def exported(folder, haloitsm):
    names = [part for name in CHOSEN for part in ("-e", name)]
    assert haloitsm("export", "postman", *names, "-o", COLLECTION).status == 0
    return folder / COLLECTION, folder / ENVIRONMENT


def calls(sandbox):
    return [(one.method, one.path) for one in sandbox.requests if not one.path.startswith("/auth")]


def test_reads_run_with_one_token_and_nothing_is_written(exported, newman, sandbox):
    run = newman(*exported)
    assert run["failures"] == []
    assert run["stats"]["assertions"]["total"] == len([name for name in CHOSEN if name.startswith("GET")])
    assert {method for method, _ in calls(sandbox)} == {"GET"}
    assert [one.path for one in sandbox.requests].count("/auth/token") == 1
    assert sandbox.effects == []


def test_the_request_of_one_record_takes_the_first_of_its_list(exported, newman, sandbox):
    newman(*exported)
    singles = [path for _, path in calls(sandbox) if path.count("/") == 3]
    assert [path.rpartition("/")[0] for path in singles] == ["/api/Client", "/api/Tickets"]
    assert all(path.rpartition("/")[2].isdecimal() for path in singles)


def test_writes_are_sent_on_demand_and_only_when_they_are_filled_in(exported, newman, sandbox):
    run = newman(*exported, writes="send")
    assert run["failures"] == []
    assert len(sandbox.effects) == len([name for name in CHOSEN if name.startswith("POST")])
    assert "DELETE" not in {method for method, _ in calls(sandbox)}


def test_a_refused_token_fails_every_request(exported, newman):
    run = newman(*exported, client_secret="wrong")
    assert any("No token: 401" in failure["error"]["test"] for failure in run["failures"])
