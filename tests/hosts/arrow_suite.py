"""Arrow, pandas and Polars; run in their environment, see test_arrow.py."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pandas
import polars
import pyarrow
import pytest

from haloitsm_connector import ClientCredentials, HttpClient, Publisher, Sandbox, Subscriber
from haloitsm_connector.arrow import read_parquet, record_batches, records, write_parquet
from haloitsm_connector.errors import AnswerError, InputError

PAYLOAD = {"summary": "{{ summary }}", "client_id": "{{ client }}", "tickettype_id": 1, "details": "from a table"}


@pytest.fixture(scope="module")
def halo():
    with Sandbox() as sandbox:
        credentials = ClientCredentials(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
        with HttpClient(sandbox.base_uri, credentials, tenant=sandbox.tenant) as client:
            yield client


def test_columns_have_the_types_of_the_catalogue(halo):
    table = Subscriber(halo, "GET /Tickets").read_arrow().read_all()
    types = {
        name: str(table.schema.field(name).type) for name in ("id", "summary", "estimate", "flagged", "last_update")
    }
    assert types == {
        "id": "int64",
        "summary": "string",
        "estimate": "double",
        "flagged": "bool",
        "last_update": "timestamp[us, tz=UTC]",
    }
    assert table.column("deadlinedate").null_count == table.num_rows  # Halo's way to say never
    assert table.column("id").to_pylist() == [row["id"] for row in Subscriber(halo, "GET /Tickets")]


def test_pages_are_read_as_batches_are_asked_for(halo):
    asked = []

    def pages():
        for number in range(3):
            asked.append(number)
            yield [{"id": number}]

    reader = record_batches(pages())
    assert asked == [0]
    assert reader.read_next_batch().to_pylist() == [{"id": 0}]
    assert asked == [0]
    assert [batch.num_rows for batch in reader] == [1, 1]


@pytest.mark.parametrize("entity", ["GET /Client", "GET /Asset", "GET /Users", "GET /Invoice", "GET /Appointment"])
def test_what_other_entities_hold_fits_its_columns(entity, halo):
    subscriber = Subscriber(halo, entity)
    assert subscriber.read_arrow().read_all().num_rows == sum(1 for _ in subscriber)


def test_chosen_columns_are_all_there_are(halo):
    tickets = Subscriber(halo, "GET /Tickets")
    frame = tickets.read_arrow(["summary", "id"]).read_pandas()
    assert list(frame.columns) == ["summary", "id"]
    assert polars.from_arrow(tickets.read_arrow({"id": "string"})).dtypes == [polars.String]
    with pytest.raises(InputError, match="Did you mean 'summary'"):
        tickets.read_arrow(["sumary"])


def test_a_value_that_does_not_fit_names_its_column(halo):
    with pytest.raises(AnswerError, match="a value of 'summary' is no integer"):
        Subscriber(halo, "GET /Tickets").read_arrow({"summary": "integer"}).read_all()
    for value in (2**63, 1.5, "1.5"):
        with pytest.raises(AnswerError, match="a value of 'id' is no integer"):
            record_batches([[{"id": value}]], {"id": "integer"}).read_all()


@pytest.mark.parametrize("value", [2**53 + 1, str(2**63 - 1), -(2**63)])
def test_whole_numbers_keep_all_their_digits(value):
    (row,) = record_batches([[{"id": value}]], {"id": "integer"}).read_all().to_pylist()
    assert row == {"id": int(value)}


def test_numbers_moments_and_what_is_nested_come_as_their_column_says():
    declared = {"whole": "integer", "at": "date-time", "more": "array", "yes": "boolean"}
    rows = [
        {"whole": 12.0, "at": "2026-03-02T09:30:00.1234567", "more": [{"a": 1}], "yes": True},
        {"whole": "7", "at": "1899-12-30T00:00:00", "more": None, "yes": "False"},
        {"at": "2026-03-02T09:30:00+02:00"},
        {"at": ""},
    ]
    first, second, third, last = record_batches([rows], declared).read_all().to_pylist()
    at = datetime(2026, 3, 2, 9, 30, 0, 123456, tzinfo=UTC)
    assert first == {"whole": 12, "at": at, "more": '[{"a":1}]', "yes": True}
    assert second == {"whole": 7, "at": None, "more": None, "yes": False}
    assert third["at"] == datetime(2026, 3, 2, 7, 30, tzinfo=UTC)
    assert last["at"] is None


def test_fields_beyond_the_catalogue_have_the_types_of_the_first_page(caplog):
    pages = [[{"a": 1, "b": 1}, {"a": 2.5, "b": "x", "c": None}], [{"a": 3, "late": 1}, {"late": 2}]]
    with caplog.at_level(logging.WARNING):
        table = record_batches(pages).read_all()
    assert {field.name: str(field.type) for field in table.schema} == {"a": "double", "b": "string", "c": "string"}
    assert table.column("b").to_pylist() == ["1", "x", None, None]
    assert [record.getMessage() for record in caplog.records] == [
        "no column for late, which the first page did not have"
    ]


def test_nothing_is_an_empty_table():
    assert record_batches([], {"id": "integer"}).read_all().schema.names == ["id"]


FRAMES = {
    "pandas": pandas.DataFrame({"summary": ["From a table 1", "From a table 2"], "client": [1, 2]}),
    "polars": polars.DataFrame({"summary": ["From a table 1", "From a table 2"], "client": [1, 2]}),
    "pyarrow": pyarrow.table({"summary": ["From a table 1", "From a table 2"], "client": [1, 2]}),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_tables_are_published_with_an_outcome_for_each_row(kind, halo):
    outcomes = Publisher(halo, "POST /Tickets", payload=PAYLOAD).publish_table(FRAMES[kind])
    assert outcomes.column("status").to_pylist() == ["created", "created"]
    ids = outcomes.column("id").to_pylist()
    assert [halo.get(f"/Tickets/{id}")["summary"] for id in ids] == ["From a table 1", "From a table 2"]


def test_a_row_that_is_refused_says_why_and_the_others_are_sent(halo):
    table = polars.DataFrame({"summary": ["Good", "Bad", "Last"], "client": ["1", "nobody", "1"]})
    outcomes = Publisher(halo, "POST /Tickets", payload=PAYLOAD).publish_table(table).to_pylist()
    assert [outcome["status"] for outcome in outcomes] == ["created", "refused", "created"]
    assert outcomes[1]["reason"]


def test_cells_become_json():
    table = pyarrow.table({
        "text": ["a", None],
        "at": pyarrow.array([datetime(2026, 3, 2, 9, 30, tzinfo=UTC)] * 2, pyarrow.timestamp("ns", "Europe/Berlin")),
        "local": pyarrow.array([datetime(2026, 3, 2, 9, 30)] * 2),
        "day": [date(2026, 3, 2)] * 2,
        "money": [Decimal("1.50"), Decimal("2.00")],
        "nested": [[{"at": date(2026, 3, 2)}]] * 2,
        "map": pyarrow.array([[("at", date(2026, 3, 2))]] * 2, pyarrow.map_(pyarrow.string(), pyarrow.date32())),
    })  # fmt: skip
    first, second = records(table)
    assert first == {
        "text": "a", "at": "2026-03-02T09:30:00Z", "local": "2026-03-02T09:30:00", "day": "2026-03-02", "money": 1.5,
        "nested": [{"at": "2026-03-02"}], "map": {"at": "2026-03-02"},
    }  # fmt: skip
    assert "text" not in second
    assert second["money"] == 2
    assert list(records(pandas.DataFrame({"a": [1.0, None]}))) == [{"a": 1.0}, {}]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([{"a": 1}], "no Arrow table"),
        (pyarrow.table({"a": [b"x"]}), "bytes"),
        (pyarrow.table({"a": [timedelta(1)]}), "durations"),
    ],
)
def test_what_cannot_be_published_is_told(table, words):
    with pytest.raises(InputError, match=words):
        list(records(table))


def test_a_parquet_file_is_read_as_it_was_written(tmp_path):
    file = tmp_path / "rows.parquet"
    pages = [[{"id": 1, "at": "2026-11-22T04:13:21Z"}], [{"id": 2, "at": None}]]
    assert write_parquet(file, pages, {"at": "date-time"}) == 2
    assert list(read_parquet(file)) == [{"id": 1, "at": "2026-11-22T04:13:21Z"}, {"id": 2}]
    file.write_text("no Parquet", "utf-8")
    with pytest.raises(InputError, match=r"rows.parquet: cannot be read as Parquet"):
        list(read_parquet(file))
