from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from haloitsm_connector import Pipeline
from haloitsm_connector.config import load
from haloitsm_connector.errors import InputError
from haloitsm_connector.interchange.from_browser import from_browser
from haloitsm_connector.interchange.har import read_har

SECRETS = (
    "chrome-token", "chrome-cookie", "firefox-token", "firefox-cookie", "firefox-refresh", "firefox-new-token",
    "hunter2",
)  # fmt: skip


@pytest.fixture
def found(data, catalogue, folder):
    """Take a recording in, write what it becomes, and check that as ``haloitsm check`` does."""

    def take(name, **options):
        requests, _ = read_har(data / name if isinstance(name, str) else name)
        made = from_browser(requests, "a.har", Path("got"), catalogue, **options)
        for file, text in made.draft.files().items():
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
            assert not any(secret in text for secret in SECRETS)
        config = load([Path("got")], environ={}, catalogue=catalogue, stand_in="https://not-set.invalid")
        assert config.warnings == [] or all("new_password" in str(one) for one in config.warnings)
        return made

    return take


def changed(save):
    return {one.name: (one.before, one.sent) for one in save.fields if one.known == "changed"}


@pytest.mark.parametrize("browser", ["chrome", "firefox"])
def test_the_recordings_have_the_form_of_har(data, browser):
    schema = json.loads((data / "schemas" / "har-1.2.json").read_text("utf-8"))
    jsonschema.validate(json.loads((data / f"{browser}.har").read_text("utf-8")), schema)


def test_the_field_that_was_changed_is_found_among_all_that_were_sent(found):
    made = found("chrome.har")
    first, second, third = made.saves
    assert changed(first) == {"item_tax_code": (0, 1)}
    assert len(first.fields) == 12
    assert list(changed(second)) == ["customfields"]
    assert second.chosen == {"customfields": [{"id": 170, "name": "CFtier", "value": "3"}]}
    assert third.chosen == {}
    assert {one.known for one in first.fields if one.name.startswith("_")} == {"switch"}


def test_the_outgoing_sends_exactly_the_fields_that_changed(found):
    made = found("chrome.har")
    payloads = [one["publisher"]["payload"] for one in made.draft.outgoing.values()]
    assert payloads == [
        {"id": "{{ id }}", "item_tax_code": "{{ item_tax_code }}"},
        {"id": "{{ id }}", "customfields": "{{ customfields }}"},
    ]
    assert made.draft.rows["update-client-item-tax-code.rows.json"] == [{"id": 12, "item_tax_code": 1}]


def test_saves_of_several_records_become_rows_of_one_outgoing(found):
    made = found("firefox.har")
    assert changed(made.saves[0]) == {"item_tax_code": (0, 1)}
    rows = made.draft.rows
    assert rows["update-client-item-tax-code.rows.json"] == [
        {"id": 12, "item_tax_code": 1},
        {"id": 13, "item_tax_code": 1},
    ]
    assert rows["create-supplier-name-inactive.rows.json"] == [{"name": "Copperfield Cables", "inactive": False}]
    assert rows["delete-asset.rows.json"] == [{"id": 3001}]


def test_a_password_that_was_sent_becomes_a_variable(found):
    publisher = found("firefox.har").draft.outgoing["update-agent-jobtitle-new-password"]["publisher"]
    assert publisher["payload"]["new_password"] == "${PAYLOAD_NEW_PASSWORD}"


@pytest.mark.parametrize(
    ("browser", "expected"),
    [
        ("chrome", ["fonts.example-cdn.net", "another host", "the cookies of", "was refused (400)", "got no answer",
                    "POST /api/UnknownThing", "nothing changed"]),
        ("firefox", ["the tokens of", "POST /auth/token", "nothing is known of the record before"]),
    ],
)  # fmt: skip
def test_what_is_left_out_is_said(haloitsm, data, browser, expected):
    ended = haloitsm("import", "har", data / f"{browser}.har", "-o", "got")
    assert ended.status == 0
    assert [part for part in expected if part not in ended.err] == []
    assert not any(secret in ended.out + ended.err for secret in SECRETS)


def test_as_json_no_secret_is_shown(haloitsm, data):
    ended = haloitsm("import", "har", data / "firefox.har", "-o", "got", "--json")
    told = json.loads(ended.out)
    assert [save["payload"] for save in told["saves"]][:1] == [{"id": 12, "item_tax_code": 1}]
    assert not any(secret in ended.out for secret in SECRETS)


def test_what_is_written_does_the_same_on_halo(found, sandbox):
    found("firefox.har")
    with Pipeline.load(
        "got", environ={**sandbox.environment, "PAYLOAD_NEW_PASSWORD": "x"}, state="state.db"
    ) as pipeline:
        assert [one.status for one in pipeline.run("update-client-item-tax-code")] == ["updated", "updated"]
    assert [sandbox.tables["Client"][id_]["item_tax_code"] for id_ in (12, 13)] == [1, 1]
    written = [effect for effect in sandbox.effects if effect.table == "client"] or sandbox.effects
    assert len(written) == 2


def recording(*entries):
    return {
        "log": {
            "entries": [
                {
                    "startedDateTime": f"2026-01-01T00:00:{number:02d}Z",
                    "request": {"method": method, "url": url, "headers": [], "postData": {"text": json.dumps(sent)}},
                    "response": {"status": 200, "content": {"text": json.dumps(answer)}},
                }
                for number, (method, url, sent, answer) in enumerate(entries)
            ]
        }
    }


@pytest.fixture
def recorded(folder, found):
    def take(*entries, **options):
        path = folder / "a.har"
        path.write_text(json.dumps(recording(*entries)), "utf-8")
        return found(path, **options)

    return take


URL = "https://acme.haloitsm.com/api/Client"


def test_numbers_dates_and_nothing_count_as_equal_as_halo_writes_them(recorded):
    known = {"id": 12, "toplevel_id": 2.0, "notes": None, "datecreated": "2024-05-01T08:30:00.12Z", "inactive": False}
    sent = {"id": 12, "toplevel_id": "2", "notes": "", "datecreated": "2024-05-01T08:30:00", "inactive": True}
    made = recorded(("GET", f"{URL}/12", None, known), ("POST", URL, [sent], sent))
    assert changed(made.saves[0]) == {"inactive": (False, True)}


def test_two_saves_of_one_record_are_compared_with_each_other(recorded):
    made = recorded(
        ("POST", URL, [{"id": 12, "name": "A", "notes": "x"}], {"id": 12}),
        ("POST", URL, [{"id": 12, "name": "A", "notes": "y"}], {"id": 12}),
    )
    assert [save.basis for save in made.saves] == ["nothing", "recording"]
    assert changed(made.saves[1]) == {"notes": ("x", "y")}


def test_an_action_is_known_by_its_ticket_and_number(recorded):
    url = "https://acme.haloitsm.com/api/Actions"
    made = recorded(
        ("GET", f"{url}/1?ticket_id=2001", None, {"id": 1, "ticket_id": 2001, "note": "a", "outcome": "Note"}),
        ("POST", url, [{"id": 1, "ticket_id": 2002, "note": "b"}], {"id": 1, "ticket_id": 2002}),
        ("POST", url, [{"id": 1, "ticket_id": 2001, "note": "b"}], {"id": 1, "ticket_id": 2001}),
    )
    assert [save.basis for save in made.saves] == ["nothing", "recording"]
    assert made.saves[1].key == {"ticket_id": 2001, "id": 1}


def test_with_connect_the_record_as_it_is_now_tells_what_changes(haloitsm, folder, sandbox, monkeypatch):
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    record = sandbox.tables["Client"][12]
    sent = {"id": 12, "name": record["name"], "item_tax_code": 1}
    entries = [("POST", f"{sandbox.base_uri}/api/Client", [sent], sent)]
    (folder / "a.har").write_text(json.dumps(recording(*entries)), "utf-8")
    ended = haloitsm("import", "har", "a.har", "-o", "got", "--connect")
    assert ended.status == 0, ended.err
    assert json.loads((folder / "got" / "update-client-item-tax-code.rows.json").read_text("utf-8")) == [
        {"id": 12, "item_tax_code": 1}
    ]
    assert sandbox.effects == []


def test_a_field_that_the_whole_record_does_not_have_was_empty_and_changed(recorded):
    made = recorded(
        ("GET", f"{URL}/12?includedetails=true", None, {"id": 12, "name": "A", "item_tax_code": 0}),
        ("POST", URL, [{"id": 12, "name": "A", "item_tax_code": 2, "notes": "now set", "logo": ""}], {"id": 12}),
    )
    assert changed(made.saves[0]) == {"item_tax_code": (0, 2), "notes": (None, "now set")}
    assert list(made.draft.rows.values()) == [[{"id": 12, "item_tax_code": 2, "notes": "now set"}]]


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        (f"{URL}?search=A", {"record_count": 1, "clients": [{"id": 12, "item_tax_code": 0}]}),
        (f"{URL}/12", {"id": 12, "item_tax_code": 0}),
    ],
    ids=["a row of a list", "a record without its details"],
)
def test_a_field_that_a_part_of_the_record_does_not_have_is_said_to_have_changed_perhaps(haloitsm, folder, url, answer):
    entries = [("GET", url, None, answer), ("POST", URL, [{"id": 12, "item_tax_code": 2, "notes": "now set"}], {})]
    (folder / "a.har").write_text(json.dumps(recording(*entries)), "utf-8")
    ended = haloitsm("import", "har", "a.har", "-o", "got")
    assert [line.split() for line in ended.out.splitlines()][2:] == [
        ["item_tax_code", "0", "2", "changed"],
        ["notes", '"now', 'set"', "perhaps", "changed"],
    ]
    assert "notes perhaps changed, too: left out of the payload" in ended.err
    rows = json.loads((folder / "got" / "update-client-item-tax-code.rows.json").read_text("utf-8"))
    assert rows == [{"id": 12, "item_tax_code": 2}]


def test_with_connect_a_field_that_is_empty_in_halo_changes(haloitsm, folder, sandbox, monkeypatch):
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    sandbox.tables["Client"][12].pop("notes", None)
    sent = {"id": 12, "item_tax_code": 1, "notes": "now set"}
    entries = [("POST", f"{sandbox.base_uri}/api/Client", [sent], sent)]
    (folder / "a.har").write_text(json.dumps(recording(*entries)), "utf-8")
    assert haloitsm("import", "har", "a.har", "-o", "got", "--connect").status == 0
    written = (folder / "got" / "update-client-item-tax-code-notes.rows.json").read_text("utf-8")
    assert json.loads(written) == [sent]


def test_a_secret_of_a_record_is_never_the_one_that_the_client_signs_in_with(haloitsm, folder, sandbox, monkeypatch):
    sent = {"id": 12, "password": "opensesame", "client_secret": "opensesame", "api_key": "opensesame"}
    entries = [("POST", f"{sandbox.base_uri}/api/Client", [sent], {})]
    (folder / "a.har").write_text(json.dumps(recording(*entries)), "utf-8")
    haloitsm("import", "har", "a.har", "-o", "got")
    environ = {**sandbox.environment, "PAYLOAD_PASSWORD": "barley", "PAYLOAD_CLIENT_SECRET": "wheat",
               "PAYLOAD_API_KEY": "oats"}  # fmt: skip
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    ended = haloitsm("run", "got", "update-client-password-client-secret-api-key", "--dry-run")
    assert [ended.out.count(f'"{name}": "***"') + ended.out.count(f'"{name}":"***"') for name in list(sent)[1:]] == [
        1
    ] * 3
    assert not any(value in ended.out for value in ("barley", "wheat", "oats", sandbox.client_secret))
    haloitsm("run", "got", "update-client-password-client-secret-api-key")
    (written,) = [one.body for one in sandbox.requests if (one.method, one.path) == ("POST", "/api/Client")]
    values = {"password": "barley", "client_secret": "wheat", "api_key": "oats"}
    assert written in ({"id": 12, **values}, [{"id": 12, **values}])


def test_two_passwords_are_two_variables_each_said_with_its_purpose(haloitsm, folder):
    entries = [("POST", "https://acme.haloitsm.com/api/Agent", [{"id": id_, "password": f"of {id_}"}], {})
               for id_ in (5, 6)]  # fmt: skip
    (folder / "a.har").write_text(json.dumps(recording(*entries)), "utf-8")
    ended = haloitsm("import", "har", "a.har", "-o", "got")
    for name in ("PAYLOAD_PASSWORD", "PAYLOAD_PASSWORD_2"):
        assert f"{name} (the field password of POST /Agent)" in ended.err
        assert f"password: ${{{name}}}" in (folder / "got" / "halo.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "see https://robin:opensesame@files.example.com/a",
        "https://files.example.com/a?token=opensesame",
        "https://files.example.com/a?x=1&sig=opensesame",
    ],
)
def test_a_text_with_a_secret_inside_becomes_a_variable(haloitsm, folder, text):
    sent = {"id": 12, "website": text, "customfields": [{"id": 1, "name": "CFapi_key", "value": "opensesame"}]}
    entries = [("POST", f"{URL}?access_token=opensesame", [sent], {})]
    (folder / "a.har").write_text(json.dumps(recording(*entries)), "utf-8")
    ended = haloitsm("import", "har", "a.har", "-o", "got")
    written = "".join(path.read_text("utf-8") for path in (folder / "got").iterdir())
    assert "opensesame" not in written + ended.out + ended.err
    assert "access_token" not in written
    assert "${PAYLOAD_WEBSITE_SECRET}" in written
    assert "its query parameter access_token holds a secret: left out" in ended.err
    assert "its field customfields has a secret inside: left out" in ended.err


def test_a_post_without_records_is_said(recorded):
    made = recorded(("POST", f"{URL}", "text", {}), ("POST", f"{URL}", [], {}))
    assert [(note.where, note.what) for note in made.draft.notes] == [
        ("entry 1, POST /Client", "sends no records: left out"),
        ("entry 2, POST /Client", "sends no records: left out"),
    ]


def test_a_page_of_halo_is_not_taken_for_its_api(recorded):
    page = ("GET", "https://acme.haloitsm.com/tickets?id=2001", None, [{"id": 12, "notes": "of another thing"}])
    made = recorded(page, ("POST", URL, [{"id": 12, "notes": "a"}], {}))
    assert [save.basis for save in made.saves] == ["nothing"]


def test_of_two_systems_one_is_to_be_chosen(recorded):
    other = "https://beta.haloitsm.com/api/Client"
    entries = [("POST", URL, [{"id": 1, "name": "A"}], {}), ("POST", other, [{"id": 2, "name": "B"}], {})]
    with pytest.raises(InputError, match=r"--base-uri: https://acme\.haloitsm\.com, https://beta\.haloitsm\.com"):
        recorded(*entries)
    made = recorded(*entries, base_uri="https://beta.haloitsm.com/api")
    assert [save.key for save in made.saves] == [{"id": 2}]


def test_a_recording_without_halo_says_where_its_requests_go(recorded):
    with pytest.raises(InputError, match=r"no request goes to the API of a Halo\. Requests go to: www\.example\.com"):
        recorded(("GET", "https://www.example.com/", None, {}))


@pytest.mark.parametrize("content", ["{}", "[]", "x", '{"log": {}}', None])
def test_another_file_is_refused_in_plain_words(folder, content):
    if content is not None:
        (folder / "a.har").write_text(content, "utf-8")
    with pytest.raises(InputError, match=r"HAR recording|cannot read"):
        read_har(folder / "a.har")
