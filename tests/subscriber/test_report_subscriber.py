"""Reports give their rows, and what Halo does not say about them is said."""

from __future__ import annotations

import pytest

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.client import ClientCredentials, HttpClient
from haloitsm_connector.errors import AnswerError, InputError
from haloitsm_connector.prototypes import Prototypes
from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.subscriber import ReportSubscriber, report


@pytest.fixture(scope="module", name="halo")
def halo_fixture():
    with Sandbox() as sandbox:
        login = ClientCredentials(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
        with HttpClient(sandbox.base_uri, login, tenant=sandbox.tenant) as client:
            yield client


def test_saved_reports_and_sql_give_their_rows(halo):
    assert [row["id"] for row in ReportSubscriber(halo, 1)] == list(range(1, 26))
    sql = "select top 2 id as number from Client order by id desc;\n"
    assert list(ReportSubscriber(halo, sql=sql)) == [{"number": 25}, {"number": 24}]
    assert list(ReportSubscriber(halo, sql="select id from Client where id = 999")) == []


def test_sql_that_fails_is_an_error_although_halo_answers_200(halo):
    with pytest.raises(AnswerError, match="cannot run the SQL of report 4: Invalid object name"):
        list(ReportSubscriber(halo, 4))
    with pytest.raises(AnswerError, match="cannot run the SQL of `sql:`: Invalid column name"):
        list(ReportSubscriber(halo, sql="select nothing from Client"))


def test_a_report_that_halo_cut_off_is_an_error_unless_it_will_do(halo, monkeypatch):
    monkeypatch.setattr(report, "MOST_ROWS", 25)
    with pytest.raises(AnswerError, match="the report has 25 rows, at which Halo cuts reports off"):
        list(ReportSubscriber(halo, 1))
    assert len(list(ReportSubscriber(halo, 1, accept_cut=True))) == 25
    assert len(list(ReportSubscriber(halo, sql="select top 24 id from Client"))) == 24


def test_a_report_is_named_in_one_way(halo):
    for options in ({}, {"report": 1, "sql": "select 1"}):
        with pytest.raises(InputError, match="named by its number, or given as SQL"):
            ReportSubscriber(halo, **options)


def test_the_fields_are_checked():
    prototype = Prototypes("subscribers").get("report")

    def findings(**fields):
        return [(one.path, one.what) for one in prototype.check(prototype.fields(client="halo", **fields), CATALOGUE)]

    assert findings(report=1) == []
    assert findings(report=1, query={"client_id": 12}) == []
    assert findings() == [((), report.NEITHER_OR_BOTH)]
    assert findings(sql="select 1", query={"client_id": 12}) == [(("query",), "SQL has no parameters")]
    assert findings(report=1, query={"clientid": 12})[0][0] == ("query", "clientid")


CATALOGUE = Catalogue.load()
