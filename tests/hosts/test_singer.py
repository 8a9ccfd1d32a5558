"""``tap-haloitsm`` and ``target-haloitsm``: the SDK's own suites, real pipes, and what Singer promises besides."""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from adapters.singer import selected, written

from haloitsm_connector.hosts.singer import commands

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


@pytest.fixture
def singer(environment):
    return environment("singer")


@pytest.fixture
def tap(singer, tmp_path, settings):
    """Run the tap on the usual entities, all or some of them, and return what it did."""

    def tap(*streams, state=None, change=lambda stream: stream, **more):
        config = written(tmp_path / "tap.json", settings | more)
        arguments = []
        if streams:
            found = json.loads(singer.run("tap-haloitsm", "--config", config, "--discover").out)
            chosen = [change(selected(each)) for each in found["streams"] if each["stream"] in streams]
            arguments += ["--catalog", written(tmp_path / "catalog.json", {"streams": chosen})]
        if state:
            arguments += ["--state", written(tmp_path / "state.json", state)]
        return singer.run("tap-haloitsm", "--config", config, *arguments)

    return tap


def records(ran, stream=None):
    found = [each for each in ran.messages if each["type"] == "RECORD" and stream in (None, each["stream"])]
    return [each["record"] for each in found]


def last_state(ran):
    return [each["value"] for each in ran.messages if each["type"] == "STATE"][-1]


@pytest.mark.parametrize(("suite", "least"), [("tap", 2_000), ("target", 16)])
def test_the_suite_of_the_sdk_passes(suite, least, singer, settings, tmp_path):
    outgoing = {"config": str(written_outgoing(tmp_path)), "outgoing": "anything"} if suite == "target" else {}
    variables = {f"{suite.upper()}_CONFIG": json.dumps(settings | outgoing)}
    file = HERE / f"sdk_{suite}_suite.py"
    options = ("-q", "-p", "no:cacheprovider", "--noconftest", "-c", "/dev/null", "--rootdir", tmp_path, "-W", "ignore")
    ran = singer.run("python", "-m", "pytest", *options, file, timeout_seconds=500, **variables)
    assert ran.status == 0, ran.out[-3000:]
    assert int(re.search(r"(\d+) passed", ran.out)[1]) >= least
    assert "skipped" not in ran.out


def written_outgoing(folder):
    text = (HERE / "halo.yaml").read_text("utf-8")
    clients = text[text.index("clients:") : text.index("transformers:")]
    outgoing = """outgoing:
  anything:
    transformers:
      - set: {payload: {summary: "Taken: {{ to_string(@) }}", client_id: 1, tickettype_id: 1}}
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Tickets
      once: {find: GET /Tickets, query: {search: "{{ payload.summary }}"}, match: summary, settle_seconds: 1}
"""
    (folder / "anything.yaml").write_text(clients + outgoing, "utf-8")
    return folder / "anything.yaml"


def test_all_usual_entities_are_read_and_a_second_run_brings_what_is_new(tap, sandbox):
    first = tap()
    assert first.status == 0, first.log
    counts = Counter(each["stream"] for each in first.messages if each["type"] == "RECORD")
    assert len(counts) >= 30
    assert counts["actions"] == len(sandbox.tables["Actions"])
    keys = [(row["ticket_id"], row["id"]) for row in records(first, "actions")]
    assert len(keys) == len(set(keys))
    schemas = {each["stream"]: each for each in first.messages if each["type"] == "SCHEMA"}
    assert schemas["actions"]["key_properties"] == ["ticket_id", "id"]
    assert schemas["tickets"]["bookmark_properties"] == ["last_update"]
    second = tap(state=last_state(first))
    again = {each["stream"] for each in second.messages if each["type"] == "RECORD"}
    assert not again & {"tickets", "actions", "clients", "sites", "users", "assets", "crm_notes", "kb_articles"}


def test_a_child_stream_that_is_chosen_later_brings_all_children(tap, sandbox):
    first = tap("tickets")
    both = tap("tickets", "actions", state=last_state(first))
    assert records(both, "tickets") == []
    assert len(records(both, "actions")) == len(sandbox.tables["Actions"])


def test_fields_that_are_not_selected_stay_behind(tap):
    def without_summary(stream):
        hidden = {"breadcrumb": ["properties", "summary"], "metadata": {"selected": False}}
        return {**stream, "metadata": [*stream["metadata"], hidden]}

    ran = tap("tickets", change=without_summary)
    assert ran.status == 0, ran.log
    assert all("summary" not in row and row["id"] for row in records(ran))
    assert all("summary" not in each["schema"]["properties"] for each in ran.messages if each["type"] == "SCHEMA")


def test_stream_maps_of_the_sdk_hold(tap):
    ran = tap("statuses", stream_maps={"statuses": {"shout": "name.upper()", "__else__": None, "id": "id"}})
    assert ran.status == 0, ran.log
    assert records(ran)
    assert all(row.keys() == {"id", "shout"} and row["shout"].isupper() for row in records(ran))


def test_a_stream_that_the_catalog_wants_whole_is_read_whole_each_time(tap):
    def whole(stream):
        return {**stream, "replication_method": "FULL_TABLE"}

    first = tap("clients", change=whole)
    second = tap("clients", change=whole, state=last_state(first))
    assert len(records(first)) == len(records(second)) > 0


def test_batch_files_hold_every_record_once(tap, tmp_path, sandbox):
    batches = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": f"file://{tmp_path}", "prefix": "batch-"},
    }
    ran = tap("tickets", batch_config=batches)
    assert ran.status == 0, ran.log
    files = [file for each in ran.messages if each["type"] == "BATCH" for file in each["manifest"]]
    texts = [gzip.decompress(Path(file.removeprefix("file://")).read_bytes()) for file in files]
    rows = [json.loads(line) for text in texts for line in text.splitlines()]
    assert Counter(row["id"] for row in rows) == dict.fromkeys((row["id"] for row in rows), 1)
    assert len(rows) > 100
    assert "cursor" in last_state(ran)["bookmarks"]["tickets"]


def test_fields_that_no_schema_knows_come_along(tap, tmp_path):
    text = (HERE / "halo.yaml").read_text("utf-8")
    incoming = """incoming:
  some_tickets:
    subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets, limit: 3}
  their_actions:
    subscriber:
      prototype: haloitsm
      client: halo
      entity: GET /Actions
      parent: some_tickets
      request_parameters: {query: {ticket_id: "{{ id }}"}}
      from_parent: {ticket_number: "{{ id }}"}
"""
    (tmp_path / "parents.yaml").write_text(
        text[text.index("clients:") : text.index("transformers:")] + incoming, "utf-8"
    )
    ran = tap("their_actions", config=str(tmp_path / "parents.yaml"))
    assert ran.status == 0, ran.log
    assert records(ran)
    assert all(row["ticket_number"] == row["ticket_id"] for row in records(ran))
    schema = [each["schema"] for each in ran.messages if each["type"] == "SCHEMA"][-1]
    assert schema["properties"]["ticket_number"] == {"type": ["integer", "null"]}


def test_with_a_catalog_nothing_is_read_to_find_out_about_schemas(singer, tmp_path, settings, sandbox):
    config = written(tmp_path / "tap.json", {**settings, "config": str(HERE / "halo.yaml")})
    found = json.loads(singer.run("tap-haloitsm", "--config", config, "--discover").out)
    chosen = [selected(each) for each in found["streams"] if each["stream"] == "new_tickets"]
    seen = len(sandbox.requests)
    ran = singer.run("tap-haloitsm", "--config", config, "--catalog", written(tmp_path / "c.json", {"streams": chosen}))
    assert ran.status == 0, ran.log
    first_pages = [each for each in sandbox.requests[seen:] if "page_no=1" in re.split("[?&]", each.target)]
    assert len(first_pages) == 1


def test_an_unknown_setting_is_refused(singer, settings, tmp_path):
    ran = singer.run("tap-haloitsm", "--config", written(tmp_path / "tap.json", settings | {"page_sise": 5}))
    assert ran.status == 1
    assert "page_sise" in ran.log


@pytest.mark.parametrize("program", ["tap-haloitsm", "target-haloitsm"])
def test_its_settings_are_described_and_its_secrets_marked(program, singer):
    about = json.loads(singer.run(program, "--about", "--format", "json").out)
    settings = about["settings"]["properties"]
    assert all(each.get("description") for each in settings.values())
    secret = {name for name, each in settings.items() if each.get("secret")}
    assert secret == {"client_secret", "password", "api_key"}


@pytest.fixture
def piped(singer, environment, tmp_path, settings):
    """Run the tap into a target, as a shell does; return both exit statuses and what the target printed."""

    def piped(catalog, target, config):
        tap = [singer.folder / "bin" / "tap-haloitsm", "--config", written(tmp_path / "tap.json", settings), *catalog]
        variables = singer.variables
        with subprocess.Popen(tap, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=variables) as source:
            done = subprocess.run(
                [*target, "--config", written(tmp_path / "target.json", config)],
                stdin=source.stdout,
                capture_output=True,
                text=True,
                env=variables,
                cwd=tmp_path,
                timeout=120,
                check=False,
            )
        return source.returncode, done.returncode, done.stdout, done.stderr

    return piped


@pytest.fixture
def catalog(singer, tmp_path, settings):
    def catalog(*streams):
        config = written(tmp_path / "discover.json", settings)
        found = json.loads(singer.run("tap-haloitsm", "--config", config, "--discover").out)
        chosen = [selected(each) for each in found["streams"] if each["stream"] in streams]
        return ["--catalog", str(written(tmp_path / "catalog.json", {"streams": chosen}))]

    return catalog


def test_it_pipes_into_a_target_of_others(piped, catalog, environment, tmp_path, sandbox):
    target = environment("target-jsonl").folder / "bin" / "target-jsonl"
    ended = piped(
        catalog("tickets", "actions"), [target], {"destination_path": str(tmp_path), "do_timestamp_file": False}
    )
    assert ended[:2] == (0, 0), ended[3]
    actions = (tmp_path / "actions.jsonl").read_text("utf-8").splitlines()
    assert len(actions) == len(sandbox.tables["Actions"])
    assert json.loads(ended[2].splitlines()[-1])["bookmarks"]["actions"]["cursor"]


def test_it_pipes_into_its_own_target(piped, catalog, singer, tmp_path, settings, sandbox):
    config = settings | {"config": str(written_outgoing(tmp_path)), "outgoing": "anything"}
    ended = piped(catalog("outcomes"), [singer.folder / "bin" / "target-haloitsm"], config)
    assert ended[:2] == (0, 0), ended[3]
    made = [each["summary"] for each in sandbox.tables["Tickets"].values() if "Taken" in each["summary"]]
    assert len(made) == len(sandbox.tables["Outcome"]) > 0


def test_a_target_that_may_goes_on_behind_a_refused_record(singer, tmp_path, settings, sandbox):
    config = settings | {"config": str(HERE / "halo.yaml"), "outgoing": "tickets", "on_failed": "log"}
    rows = [{"subject": "Good", "client": 1}, {"subject": "Bad", "client": "nobody"}]
    messages = [{"type": "SCHEMA", "stream": "rows", "schema": {"properties": {}}, "key_properties": []}]
    messages += [{"type": "RECORD", "stream": "rows", "record": row} for row in rows]
    text = "".join(json.dumps(each) + "\n" for each in [*messages, {"type": "STATE", "value": {"so far": 2}}])
    ran = singer.run("target-haloitsm", "--config", written(tmp_path / "target.json", config), given=text)
    assert (ran.status, ran.messages) == (0, [{"so far": 2}])
    assert "a record refused" in ran.log
    made = {each["summary"] for each in sandbox.tables["Tickets"].values()}
    assert "Good" in made
    assert "Bad" not in made
    missing = written(tmp_path / "target.json", config | {"outgoing": "tiket"})
    ran = singer.run("target-haloitsm", "--config", missing, given=text)
    assert ran.status == 1
    assert "there is no outgoing 'tiket'. Did you mean 'tickets'?" in ran.log
    assert "Traceback" not in ran.log


def test_a_target_that_was_killed_creates_nothing_twice(singer, tmp_path, settings, sandbox):
    """The journal stays open until the state is out; what was under way is looked up, as `once` says."""
    config = written(
        tmp_path / "target.json",
        settings | {"config": str(written_outgoing(tmp_path)), "outgoing": "anything", "batch_size_rows": 5},
    )
    rows = [{"type": "RECORD", "stream": "rows", "record": {"number": number}} for number in range(12)]
    schema = {"type": "SCHEMA", "stream": "rows", "schema": {"properties": {"number": {}}}, "key_properties": []}
    text = "".join(json.dumps(each) + "\n" for each in [schema, *rows])
    command = [singer.folder / "bin" / "target-haloitsm", "--config", config]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=singer.variables, text=True
    ) as target:
        target.stdin.write(text)
        target.stdin.flush()
        for line in target.stderr:  # two batches of five are full, the rest waits for more
            if "batch_processing_time" in line and '"records":' not in line:
                break
        target.kill()
    ran = singer.run("target-haloitsm", "--config", config, given=text)
    assert ran.status == 0, ran.log
    made = Counter(each["summary"] for each in sandbox.tables["Tickets"].values() if "Taken" in each["summary"])
    assert len(made) == 12
    assert set(made.values()) == {1}


@pytest.mark.parametrize("command", [commands.tap, commands.target])
@pytest.mark.skipif(importlib.util.find_spec("singer_sdk") is not None, reason="the SDK is installed beside us")
def test_where_the_sdk_is_missing_it_is_said_how_to_get_it(command):
    with pytest.raises(SystemExit, match=r"pip install 'haloitsm-connector\[singer\]'"):
        command()
