"""What all hosts share: settings, the usual entities, schemas, streams."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from haloitsm_connector.errors import AuthenticationError, ConfigError, EntityError, InputError
from haloitsm_connector.hosts.schemas import widened
from haloitsm_connector.hosts.selection import selection, stream_name
from haloitsm_connector.hosts.settings import Settings
from haloitsm_connector.hosts.streams import Streams
from haloitsm_connector.sandbox import Sandbox
from haloitsm_connector.subscriber.haloitsm import check

HERE = Path(__file__).parent
KEYS = st.text("abc", min_size=1, max_size=2)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.lists(st.integers())
)


@pytest.fixture
def streams(settings):
    def opened(**more):
        return Streams(Settings.of({**settings, **more}))

    return opened


@pytest.mark.parametrize("values", [{"api_key": "k"}, {"client_id": "i", "username": "u", "password": "p"}])
def test_how_to_sign_in_follows_from_what_is_given(values):
    connection = Settings.of({"base_uri": "https://acme.haloitsm.com", **values}).connection()
    assert connection.authentication.type == ("api_key" if "api_key" in values else "password")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "base_uri is missing"),
        ({"base_uri": "https://acme.haloitsm.com"}, "client_id"),
        ({"base_uri": "https://acme.haloitsm.com", "clientid": "x"}, "Did you mean 'client_id'"),
        ({"base_uri": "nowhere at all"}, "base_uri"),
        ({"base_uri": "https://acme.haloitsm.com", "start_date": "soon"}, "start_date"),
    ],
)
def test_wrong_settings_are_named(values, words):
    with pytest.raises(InputError, match=words):
        Settings.of(values).connection()


def test_settings_show_no_secret():
    settings = Settings.of({"base_uri": "https://acme.haloitsm.com", "client_id": "i", "client_secret": "very-secret"})
    assert "very-secret" not in repr(settings)
    assert settings.variables({})["HALO_CLIENT_SECRET"] == "very-secret"
    with pytest.raises(InputError) as error:
        Settings.of({"base_uri": "https://acme.haloitsm.com", "client_secret": ["very-secret"]})
    assert "very-secret" not in str(error.value)


def test_a_file_takes_no_tenant_from_elsewhere_for_an_address_of_the_settings(settings):
    without = {name: value for name, value in settings.items() if name != "tenant"}
    with Streams(
        Settings.of({**without, "config": str(HERE / "halo.yaml")}), environ={"HALO_TENANT": "other"}
    ) as opened:
        opened.check()
    elsewhere = Settings.of({"config": str(HERE / "halo.yaml")}).variables({"HALO_TENANT": "other"})
    assert elsewhere == {"HALO_TENANT": "other"}


def test_every_usual_entity_fits_the_catalogue(catalogue):
    for name, fields in selection(catalogue).items():
        assert not [finding for finding in check(fields, catalogue) if finding.severity == "error"], name
        assert catalogue.find(fields.entity).listing, name
        assert catalogue.find(fields.entity).key, name


def test_further_entities_are_named_after_their_path(catalogue):
    found = selection(catalogue, ["get /ticketarea", "GET /Tickets"])
    assert found["ticket_area"].entity == "GET /TicketArea"
    assert [each.entity for each in found.values()].count("GET /Tickets") == 1


@pytest.mark.parametrize(
    ("entity", "words"),
    [("GET /Tickets/{id}", "no list"), ("GET /Attachment", "needs one of"), ("GET /Tickts", "Did you mean")],
)
def test_what_is_no_stream_by_itself_is_refused(entity, words, catalogue):
    with pytest.raises(InputError, match=words):
        selection(catalogue, [entity])


@pytest.mark.parametrize(
    ("path", "name"), [("/TicketArea", "ticket_area"), ("/KBArticle", "kb_article"), ("/SLA", "sla")]
)
def test_names_of_streams_are_in_lower_case(path, name):
    assert stream_name(path) == name


def test_every_row_fits_the_schema_of_its_stream(streams):
    with streams() as opened:
        for stream in opened:
            rows = [entity for one in stream.slices() for entity in one.entities]
            validator = jsonschema.Draft7Validator(stream.schema)
            assert not [error.message for row in rows for error in validator.iter_errors(row)], stream.name
            assert widened(stream.schema, rows) is stream.schema, stream.name
            keys = [tuple(row[name] for name in stream.key) for row in rows]
            assert len(keys) == len(set(keys)) > 0, stream.name


KINDS = st.sampled_from(["integer", "number", "boolean", "string", "array", "object"])


@limits(max_examples=100)
@given(st.dictionaries(KEYS, KINDS), st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=4))
def test_a_widened_schema_takes_all_that_it_was_shown(kinds, rows):
    schema = {"type": "object", "properties": {name: {"type": [kind, "null"]} for name, kind in kinds.items()}}
    wider = widened(schema, rows)
    strict = jsonschema.Draft7Validator({**schema, "additionalProperties": False})
    assert (wider is schema) == all(strict.is_valid(row) for row in rows)
    assert widened(wider, rows) is wider
    assert all(jsonschema.Draft7Validator(wider).is_valid(row) for row in rows)


def test_a_value_of_another_type_than_declared_is_allowed_from_then_on():
    schema = {"type": "object", "properties": {"id": {"type": ["integer"]}, "cost": {"type": ["number", "null"]}}}
    assert widened(schema, [{"id": 12.0, "cost": 3}, {"id": 1, "cost": None}]) is schema
    wider = widened(schema, [{"id": 1, "cost": "free"}])
    assert wider["properties"] == {"id": {"type": ["integer"]}, "cost": {"type": ["null", "number", "string"]}}


def test_an_incoming_takes_the_place_of_a_usual_entity_of_its_name(streams, tmp_path):
    text = (HERE / "halo.yaml").read_text("utf-8").replace("all_tickets:", "tickets:")
    (tmp_path / "own.yaml").write_text(text, "utf-8")
    with streams(config=str(tmp_path / "own.yaml")) as opened:
        assert set(opened["tickets"].schema["properties"]) == {"id", "subject", "changed", "client", "label"}
        assert opened["tickets"].key == ("id",)
        assert opened["agents"].operation.name == "GET /Agent"


def test_rows_that_come_behind_a_look_for_deleted_ones_have_their_key(streams, tmp_path):
    text = (HERE / "halo.yaml").read_text("utf-8").replace("incremental: {}", "incremental: {sweep_hours: 0}")
    (tmp_path / "swept.yaml").write_text(text, "utf-8")
    with streams(config=str(tmp_path / "swept.yaml")) as opened:
        assert opened["new_tickets"].key == ("id",)
        assert set(opened["new_tickets"].schema["properties"]) >= {"id", "label", "_deleted"}


def test_looking_at_the_schema_changes_nothing(streams, tmp_path, sandbox):
    (tmp_path / "delta.yaml").write_text(
        (HERE / "halo.yaml").read_text("utf-8")
        + """
storages: {seen: {}}
""",
        "utf-8",
    )
    with streams(config=str(tmp_path / "delta.yaml")) as opened:
        assert opened["all_tickets"].schema["properties"]
    assert {request.method for request in sandbox.requests} <= {"GET", "POST"}
    assert not sandbox.effects


def test_start_date_is_where_the_first_read_begins(streams):
    with streams(start_date="2999-01-01") as opened:
        assert not [entity for one in opened["tickets"].slices() for entity in one.entities]
        assert [entity for one in opened["agents"].slices() for entity in one.entities]


def test_a_cursor_of_another_halo_is_not_gone_by(streams, catalogue):
    with streams() as opened:
        *_, last = opened["tickets"].slices()
    with Sandbox(catalogue=catalogue) as other, streams(base_uri=other.base_uri) as opened:
        there = {entity["id"] for one in opened["tickets"].slices(last.cursor) for entity in one.entities}
        assert there == other.tables["Tickets"].keys()


def test_what_is_no_cursor_is_told_in_plain_words(streams):
    with streams() as opened, pytest.raises(InputError, match="read_until: this is text that is not a date such as"):
        list(opened["tickets"].slices({"read_until": "yesterday"}))


def test_check_says_whether_one_may_come_in(streams):
    with streams() as opened:
        opened.check()
    with streams(client_secret="wrong") as opened, pytest.raises(AuthenticationError):
        opened.check()


def test_unknown_streams_and_broken_files_are_told(streams, tmp_path):
    with streams() as opened, pytest.raises(InputError, match="Did you mean 'tickets'"):
        opened["tickts"]
    (tmp_path / "broken.yaml").write_text("incoming: {a: {subscriber: {prototype: haloitm}}}", "utf-8")
    with pytest.raises(ConfigError, match=r"broken\.yaml:1:"):
        streams(config=str(tmp_path / "broken.yaml"))


def test_a_record_that_cannot_go_on_stops_unless_somebody_takes_it(streams):
    with streams(config=str(HERE / "halo.yaml")) as opened:
        with pytest.raises(EntityError, match="ticket 2060 is the bad one"):
            list(opened["bad_ticket"].slices())
        failures = []
        read = [entity for one in opened["bad_ticket"].slices(None, failures.append) for entity in one.entities]
    assert len(failures) == 1
    assert len(read) > 100


def test_secrets_of_the_yaml_files_can_be_hidden_by_a_host(streams, settings):
    with streams() as opened:
        assert not opened.secrets
    with streams(config=[str(HERE / "halo.yaml")]) as opened:
        assert settings["client_secret"] in opened.secrets
