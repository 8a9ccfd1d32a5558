from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haloitsm_connector import Pipeline
from haloitsm_connector.config import load
from haloitsm_connector.errors import InputError
from haloitsm_connector.interchange.from_postman import from_postman

OAUTH2 = {
    "type": "oauth2",
    "oauth2": [
        {"key": "accessTokenUrl", "value": "https://acme.haloitsm.com/auth/token?tenant=acme"},
        {"key": "clientId", "value": "the-id"},
        {"key": "clientSecret", "value": "the-secret-value"},
        {"key": "scope", "value": "all"},
        {"key": "grant_type", "value": "client_credentials"},
    ],
}
BASE = "https://acme.haloitsm.com/api"


def request(method="GET", url=f"{BASE}/Client", name="one", **others):
    return {"name": name, "request": {"method": method, "url": url, **others}}


def post(records, url=f"{BASE}/Client", **others):
    raw = records if isinstance(records, str) else json.dumps(records)
    return request("POST", url, body={"mode": "raw", "raw": raw}, **others)


@pytest.fixture
def imported(folder, catalogue):
    """Import a collection of items; return the configuration as data, the notes by what they say, and the draft."""

    def run(*items, environments=(), **others):
        document = {"info": {"name": "Mine"}, "item": list(items), "auth": OAUTH2, **others}
        path = folder / "c.json"
        path.write_text(json.dumps(document), "utf-8")
        files = []
        for number, values in enumerate(environments):
            files.append(folder / f"e{number}.json")
            files[-1].write_text(json.dumps({"name": "E", "values": values}), "utf-8")
        draft = from_postman(path, files, Path("got"), catalogue)
        for file, text in draft.files().items():
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
        config = load([Path("got")], environ={}, catalogue=catalogue, stand_in="https://not-set.invalid")
        assert [problem for problem in config.warnings if problem.severity == "error"] == []
        return draft, {note.what: note.where for note in draft.notes}

    return run


@pytest.mark.slow
def test_the_collection_of_the_guide_runs_unchanged(haloitsm, guide, sandbox, folder):
    ended = haloitsm("import", "postman", guide, "-o", "got", "--write-env", ".env")
    assert ended.status == 0, ended.err
    assert haloitsm("check", "got", "--connect").status == 0
    assert haloitsm("run", "got").status == 0
    active = [row for row in sandbox.tables["Client"].values() if not row.get("inactive")]
    assert len((folder / "got" / "get-clients.jsonl").read_text("utf-8").splitlines()) == len(active)
    assert {sandbox.tables["Client"][id_].get("item_tax_code") for id_ in (12, 13)} != {1}
    assert "2 updated" in haloitsm("run", "got", "bulk-update-tax-code").err
    assert [sandbox.tables["Client"][id_]["item_tax_code"] for id_ in (12, 13)] == [1, 1]
    signing_in = next(one for one in sandbox.requests if one.path == "/auth/token")
    assert "authorization" in {name.lower() for name in signing_in.headers}


def test_no_secret_is_in_what_is_written_but_the_file_asked_for(haloitsm, guide, sandbox, folder):
    haloitsm("import", "postman", guide, "-o", "got", "--write-env", "kept.env")
    written = "".join(path.read_text("utf-8") for path in (folder / "got").iterdir())
    assert sandbox.client_secret not in written
    assert "an-old-token" not in written
    assert sandbox.client_secret in (folder / "kept.env").read_text("utf-8")
    assert (folder / "kept.env").stat().st_mode & 0o077 == 0


def test_nothing_is_overwritten(haloitsm, guide):
    assert haloitsm("import", "postman", guide, "-o", "got").status == 0
    ended = haloitsm("import", "postman", guide, "-o", "got")
    assert (ended.status, "exists already" in ended.err) == (1, True)


@pytest.mark.slow
def test_an_exported_collection_comes_back(haloitsm, sandbox, folder, monkeypatch):
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    haloitsm("export", "postman", "-e", "GET /Client", "-e", "GET /Client/{id}", "-e", "POST /Site", "-o", "x.json")
    environment = json.loads((folder / "x.postman_environment.json").read_text("utf-8"))
    for row in environment["values"]:
        row["value"] = sandbox.environment.get(f"HALO_{row['key'].upper()}", row["value"])
    (folder / "e.json").write_text(json.dumps(environment), "utf-8")
    ended = haloitsm("import", "postman", "x.json", "-e", "e.json", "-o", "got", "--write-env", ".env")
    assert ended.status == 0, ended.err
    assert sandbox.client_secret not in (folder / "got" / "halo.yaml").read_text("utf-8")
    monkeypatch.setenv("FIRST_CLIENT", "12")
    assert haloitsm("run", "got").status == 0
    assert json.loads((folder / "got" / "get-one-client.jsonl").read_text("utf-8"))["id"] == 12
    ended = haloitsm("run", "got", "create-or-update-sites")
    assert "1 created" in ended.err


def test_hosts_paths_and_queries_are_understood_however_they_are_written(imported):
    parts = {"protocol": "https", "host": ["acme", "haloitsm", "com"], "path": ["api", "Actions", ":id"]}
    draft, _ = imported(
        request(url=f"{BASE}/Client/12?includedetails=true", name="text"),
        request(url={**parts, "query": [{"key": "ticket_id", "value": "{{ticket}}"}],
                     "variable": [{"key": "id", "value": "AC12"}]}, name="parts"),
        request(url={"raw": "{{base}}/Site/{{site}}", "host": ["{{base}}"], "path": ["Site", "{{site}}"]}, name="vars"),
        request(url="{{unknown}}/api/Tickets?open_only=true&count=5", name="unknown"),
        request(url="acme.haloitsm.com/Status", name="bare"),
        variable=[{"key": "base", "value": BASE}, {"key": "ticket", "value": "2001"}],
    )  # fmt: skip
    subscribers = {name: one["subscriber"] for name, one in draft.incoming.items()}
    assert subscribers["text"]["request_parameters"] == {"path": {"id": 12}, "query": {"includedetails": True}}
    assert subscribers["parts"]["request_parameters"] == {
        "path": {"id": "AC12"},
        "query": {"ticket_id": "${TICKET:-2001}"},
    }
    assert subscribers["vars"]["request_parameters"] == {"path": {"id": "${SITE}"}}
    assert (subscribers["unknown"]["entity"], subscribers["unknown"]["limit"]) == ("GET /Tickets", 5)
    assert draft.clients["halo-2"]["base_uri"] == "${UNKNOWN}"
    assert (subscribers["bare"]["entity"], subscribers["bare"]["client"]) == ("GET /Status", "halo")
    assert subscribers["text"]["client"] == subscribers["vars"]["client"] == "halo"


def test_variables_of_an_environment_come_first_and_secret_ones_have_no_default(imported):
    draft, _ = imported(
        request(url="{{base}}/Client?search={{who}}&toplevel_id={{hidden}}"),
        variable=[{"key": "base", "value": "https://old.haloitsm.com/api"}, {"key": "who", "value": "a"}],
        environments=[
            [
                {"key": "base", "value": BASE, "enabled": True},
                {"key": "hidden", "value": "7", "type": "secret"},
                {"key": "who", "value": "off", "enabled": False},
            ]
        ],
    )
    query = draft.incoming["one"]["subscriber"]["request_parameters"]["query"]
    assert query == {"search": "${WHO:-a}", "toplevel_id": "${HIDDEN}"}
    assert draft.clients["halo"]["base_uri"] == f"${{BASE:-{BASE}}}"
    assert draft.values["HIDDEN"] == "7"


def test_two_variables_of_nearly_one_name_stay_two(imported):
    draft, _ = imported(request(url=f"{BASE}/Client?search={{{{a-b}}}}&toplevel_id={{{{a_b}}}}"))
    query = draft.incoming["one"]["subscriber"]["request_parameters"]["query"]
    assert query == {"search": "${A_B}", "toplevel_id": "${A_B_2}"}


def test_records_become_rows_of_a_template(imported):
    draft, _ = imported(post([{"id": 1, "name": "a"}, {"id": 2, "name": "{ {"}]))
    assert draft.outgoing["one"]["publisher"]["payload"] == {"id": "{{ id }}", "name": "{{ name }}"}
    assert draft.rows["one.rows.json"] == [{"id": 1, "name": "a"}, {"id": 2, "name": "{ {"}]
    assert draft.routes["one"]["disabled"] is True


def test_records_of_different_fields_go_as_they_are(imported):
    draft, _ = imported(post([{"id": 1, "name": "a"}, {"id": 2}]))
    assert draft.outgoing["one"]["publisher"]["payload"] == "{{ @ }}"


def test_a_body_with_variables_stays_in_the_configuration(imported):
    draft, _ = imported(post('[{"id": {{id}}, "name": "x {{who}}", "notes": "costs ${5}"}]'))
    payload = draft.outgoing["one"]["publisher"]["payload"]
    assert payload == [{"id": "${ID}", "name": "x ${WHO}", "notes": "costs $${5}"}]
    assert draft.rows["one.rows.json"] == [{}]


def test_secrets_in_bodies_and_queries_become_variables(imported):
    draft, _ = imported(post([{"id": 5, "new_password": "hunter2"}], f"{BASE}/Agent?token=abcdef"))
    assert draft.outgoing["one"]["publisher"]["payload"][0]["new_password"] == "${PAYLOAD_NEW_PASSWORD}"
    assert draft.outgoing["one"]["publisher"]["query"] == {"token": "${PAYLOAD_TOKEN}"}
    assert {"hunter2", "abcdef"} <= set(draft.values.values())
    assert "hunter2" not in "".join(draft.files().values())


def test_secrets_of_records_are_never_those_that_a_client_signs_in_with(imported):
    sent = {"id": 5, "password": "a1", "client_secret": "b2", "api_key": "c3"}
    draft, _ = imported(post([sent]), post([{**sent, "password": "d4"}], name="two"), auth=OAUTH2)
    assert draft.outgoing["one"]["publisher"]["payload"] == [
        {"id": 5, "password": "${PAYLOAD_PASSWORD}", "client_secret": "${PAYLOAD_CLIENT_SECRET}",
         "api_key": "${PAYLOAD_API_KEY}"}
    ]  # fmt: skip
    assert draft.outgoing["two"]["publisher"]["payload"][0]["password"] == "${PAYLOAD_PASSWORD_2}"
    assert draft.values["PAYLOAD_PASSWORD_2"] == "d4"
    assert draft.values["HALO_CLIENT_SECRET"] == "the-secret-value"
    assert draft.purposes["PAYLOAD_PASSWORD"] == "the field password of POST /Client"


def test_a_fixed_token_and_variables_that_nothing_uses_are_said(imported):
    auth = {"type": "oauth2", "oauth2": [*OAUTH2["oauth2"], {"key": "accessToken", "value": "an-old-token"}]}
    variables = [{"key": "api_key", "value": "unused-secret"}, {"key": "who", "value": "a"}]
    draft, notes = imported(request(url=f"{BASE}/Client?search={{{{who}}}}"), auth=auth, variable=variables)
    assert notes["its fixed token (accessToken) is left out: the client fetches its own"] == "one"
    assert notes["nothing that came along uses it: left out"] == "variable api_key"
    assert "API_KEY" not in draft.values


def test_a_delete_without_an_id_keeps_no_other_route_from_running(imported, sandbox):
    base = f"{sandbox.base_uri}/api"
    draft, notes = imported(request("DELETE", f"{base}/Client/:id", "delete"), post([{"id": 12, "notes": "x"}],
                            f"{base}/Client"), auth=None)  # fmt: skip
    assert "ID" not in draft.values
    assert notes["nothing is known of its id: put it into the rows"] == "delete"
    with Pipeline.load("got", environ=sandbox.environment, state="state.db") as pipeline:
        assert [one.status for one in pipeline.run("one")] == ["updated"]
        assert [one.status for one in pipeline.run("delete")] == ["refused"]
    assert 12 in sandbox.tables["Client"]
    assert not [one for one in sandbox.requests if one.method == "DELETE"]


def test_a_read_of_one_record_without_its_id_says_what_waits_for_it(imported):
    _, notes = imported(request(url=f"{BASE}/Client/:id"))
    assert notes["no route of this folder runs before ${ID} is set"] == "one"


def test_secrets_are_known_by_short_names_and_by_their_form_too(imported):
    guid = "0f8fad5b-d9cb-469f-a165-70867728950e"
    values = {"pw": "opensesame", "who": f"{guid}-{guid}", "x": "eyJhbGciOiJub25lIn0.e30.", "plain": "Robin"}
    query = "&".join(f"p{number}={{{{{name}}}}}" for number, name in enumerate(values))
    draft, _ = imported(
        request(url=f"{BASE}/Client?{query}"),
        variable=[{"key": name, "value": value} for name, value in values.items()],
    )
    sent = draft.incoming["one"]["subscriber"]["request_parameters"]["query"]
    assert list(sent.values()) == ["${PW}", "${WHO}", "${X}", "${PLAIN:-Robin}"]


def test_a_secret_that_stands_elsewhere_as_well_is_hidden_and_said(imported):
    draft, _ = imported(post([{"id": 12, "notes": "Sign in with the-secret-value."}]))
    text = "".join(draft.files().values())
    assert "the-secret-value" not in text
    assert "Sign in with ***." in text
    assert any("*** stands for it" in note.what for note in draft.notes)


@pytest.mark.slow
def test_the_whole_catalogue_comes_back(haloitsm, catalogue, folder):
    haloitsm("export", "postman", "--all", "-o", "x.json")
    draft = from_postman(folder / "x.json", [folder / "x.postman_environment.json"], Path("got"), catalogue)
    (folder / "halo.yaml").write_text(draft.files()[Path("got/halo.yaml")], "utf-8")
    config = load([folder / "halo.yaml"], environ={}, catalogue=catalogue, stand_in="https://not-set.invalid")
    taken = {
        one.subscriber.fields.entity for one in config.incoming.values() if one.subscriber.prototype.name == "haloitsm"
    }
    taken |= {
        one.publisher.fields.entity for one in config.outgoing.values() if one.publisher.prototype.name == "haloitsm"
    }
    left_out = {operation.name for operation in catalogue.operations()} - taken
    assert {catalogue.find(name).body for name in left_out} <= {"multipart", None}
    assert {catalogue.find(name).method for name in left_out} == {"POST"}


def test_a_delete_takes_its_id_from_a_row(imported):
    draft, _ = imported(request("DELETE", f"{BASE}/Asset/3001"))
    assert draft.outgoing["one"]["publisher"]["path"] == {"id": "{{ id }}"}
    assert draft.rows["one.rows.json"] == [{"id": 3001}]


def test_everything_that_cannot_be_carried_over_is_listed(imported):
    script = {"listen": "test", "script": {"exec": ["pm.test('x', () => {});"]}}
    _, notes = imported(
        {**request(name="script"), "event": [script], "response": [{"name": "saved"}]},
        request(url="https://api.example.com/things", name="other host"),
        request("PUT", name="put"),
        request(url=f"{BASE}/Nonsense", name="unknown"),
        request("POST", name="form", body={"mode": "formdata", "formdata": [{"key": "a", "type": "text"}]}),
        request("POST", name="no body"),
        post("not json", name="text"),
        request(name="headers", header=[{"key": "Cookie", "value": "a=b"}, {"key": "X-Trace", "value": "1"}]),
        request(name="basic", auth={"type": "basic", "basic": [{"key": "username", "value": "u"}]}),
        request(name="off", url={"raw": BASE, "host": [BASE], "path": ["Client"],
                                 "query": [{"key": "search", "value": "x", "disabled": True}]}),
        post('[{"id": 1, "name": "{{$guid}}"}]', name="made up"),
        {"name": "folder", "item": [request(name="inner")], "event": [{**script, "listen": "prerequest"}]},
    )  # fmt: skip
    said = {where: what for what, where in notes.items()}
    for where, part in {
        "script": "saved examples", "other host": "api.example.com", "put": "no PUT", "unknown": "no operation",
        "form": "'formdata'", "no body": "no body", "text": "not JSON", "headers": "X-Trace", "basic": "'basic'",
        "off": "switched-off query parameters (search)", "{{$guid}}": "Postman makes it up", "folder": "pre-request",
    }.items():  # fmt: skip
        assert part in said.get(where, ""), (where, said)
    assert "a test script: left out" in notes
    assert any("Cookie" in what for what in notes)


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (
            {"type": "oauth2", "oauth2": {"clientId": "i", "clientSecret": "s", "client_authentication": "body"}},
            {"type": "client_credentials", "client_id": "${HALO_CLIENT_ID}", "client_secret": "${HALO_CLIENT_SECRET}"},
        ),
        (
            {"type": "apikey", "apikey": [{"key": "key", "value": "X-Halo-Api-Key"}, {"key": "value", "value": "k"}]},
            {"type": "api_key", "api_key": "${HALO_API_KEY}"},
        ),
        (
            {"type": "oauth2", "oauth2": {"clientId": "{{id}}", "grant_type": "password_credentials", "username": "u",
                                          "password": "p", "scope": "read:tickets  edit:tickets"}},
            {"type": "password", "client_id": "${ID}", "username": "${HALO_USERNAME}", "password": "${HALO_PASSWORD}",
             "scopes": ["read:tickets", "edit:tickets"], "credentials_in": "basic_header"},
        ),
    ],
)  # fmt: skip
def test_every_way_to_sign_in_becomes_a_client(imported, auth, expected):
    draft, _ = imported(request(), auth=auth)
    assert draft.clients["halo"]["authentication"] == expected


def test_a_token_request_among_the_requests_tells_how_to_sign_in(imported):
    form = {"grant_type": "client_credentials", "client_id": "{{id}}", "client_secret": "plain-secret", "scope": "all"}
    rows = [{"key": key, "value": value} for key, value in form.items()]
    token = request("POST", "https://acme.haloitsm.com/auth/token?tenant=acme", "token")
    token["request"]["body"] = {"mode": "urlencoded", "urlencoded": rows}
    draft, notes = imported(token, request(), auth=None)
    assert draft.clients["halo"]["authentication"]["client_id"] == "${ID}"
    assert draft.clients["halo"]["tenant"] == "acme"
    assert notes["asks for a token, which the client does by itself: left out"] == "token"


def test_a_server_for_tokens_elsewhere_is_kept(imported):
    auth = {"type": "oauth2", "oauth2": {"clientId": "i", "accessTokenUrl": "https://login.acme.com/auth/token"}}
    draft, _ = imported(request(), auth=auth)
    assert draft.clients["halo"]["auth_uri"] == "https://login.acme.com/auth"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"requests": [], "order": []}', "old form v1"),
        ("{}", "no Postman collection"),
        ("nonsense", "is not JSON"),
        (None, "cannot read"),
    ],
)
def test_another_file_is_refused_in_plain_words(folder, catalogue, content, said):
    if content is not None:
        (folder / "c.json").write_text(content, "utf-8")
    with pytest.raises(InputError, match=said):
        from_postman(folder / "c.json", [], Path("got"), catalogue)


TEXTS = st.sampled_from(
    ["", "a", "12", "{{x}}", "{{ y }}", "{{$guid}}", "${Z}", "{{", "}}", "é\n", "on", "1e3", "#", "x: y"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.sampled_from(["id", "name"]), inner, max_size=3)
    ),
    max_leaves=8,
)
ITEMS = st.fixed_dictionaries(
    {
        "name": TEXTS,
        "request": st.fixed_dictionaries(
            {
                "method": st.sampled_from(["GET", "POST", "DELETE", "put", ""]),
                "url": st.tuples(st.sampled_from([BASE, "{{u}}", ""]),
                                 st.sampled_from(["/Client", "/Client/", "/Site/:id"]), TEXTS).map("".join) | JSON,
                "body": st.fixed_dictionaries({"mode": st.just("raw"), "raw": JSON.map(json.dumps)}) | JSON,
                "header": JSON,
                "auth": JSON,
            }
        ),
    }
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=st.lists(ITEMS, max_size=4), variables=st.lists(JSON, max_size=3))
def test_whatever_a_collection_holds_the_configuration_can_be_read(imported, items, variables):
    imported(*items, variable=variables)


def test_texts_with_braces_and_dollars_arrive_as_postman_would_send_them(imported, sandbox):
    records = [{"id": 12, "notes": "it's {{ not }} a ${variable}"}]
    imported(post(records, f"{sandbox.base_uri}/api/Client"), auth=None)
    environ = {**sandbox.environment, "NOT": "really"}
    with Pipeline.load("got", environ=environ, state="state.db") as pipeline:
        assert [one.status for one in pipeline.run("one")] == ["updated"]
    assert sandbox.tables["Client"][12]["notes"] == "it's really a ${variable}"
