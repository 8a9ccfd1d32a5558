"""``source-haloitsm`` and ``destination-haloitsm``: the CDK's own suites, PyAirbyte, and what the protocol promises."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from adapters.airbyte import complete, configured, forked, form, records, state, told
from adapters.singer import written

from haloitsm_connector.hosts.airbyte import commands

HERE = Path(__file__).parent
YAML = HERE / "halo.yaml"
ALL_FAIL = "ticket 2060 is the bad one"
ACCEPTANCE = """
connector_image: haloitsm:dev
acceptance_tests:
  spec: {tests: [{config_path: config.json}]}
  connection: {tests: [{config_path: config.json, status: succeed}, {config_path: wrong.json, status: failed}]}
  discovery: {tests: [{config_path: config.json}]}
  basic_read: {tests: [{config_path: config.json}]}
"""
pytestmark = pytest.mark.slow


@pytest.fixture
def airbyte(environment):
    return environment("airbyte")


@pytest.fixture
def run(airbyte):
    return forked(airbyte)


@pytest.fixture
def source(run, tmp_path, settings):
    """Run a command of the source, reading some streams from a state on where there are any; return what it did."""

    found = {}

    def source(command, *streams, state=None, mode=None, config=None):
        arguments = ["--config", written(tmp_path / "source.json", config or form(settings, YAML))]
        if command == "read":
            if str(config) not in found:
                [found[str(config)]] = told(run("source-haloitsm", "discover", *arguments), "CATALOG")
            all_of_them = found[str(config)]["streams"]
            chosen = [stream for stream in all_of_them if stream["name"] in streams or not streams]
            arguments += ["--catalog", written(tmp_path / "catalog.json", configured(*chosen, read=mode))]
        if state is not None:
            arguments += ["--state", written(tmp_path / "state.json", state)]
        return run("source-haloitsm", command, *arguments)

    return source


@pytest.fixture
def destination(run, tmp_path, settings):
    """Write messages of a stream of rows; return what became of it."""

    def destination(*messages, write="append", key=(), **more):
        config = written(tmp_path / "destination.json", form(settings, outgoing(tmp_path)) | more)
        stream = {"name": "rows", "json_schema": {}, "supported_sync_modes": ["incremental"]}
        stream["source_defined_primary_key"] = [[name] for name in key]
        catalog = written(tmp_path / "written.json", configured(stream, write=write))
        text = "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in messages)
        return run("destination-haloitsm", "write", "--config", config, "--catalog", catalog, given=text)

    return destination


def outgoing(folder):
    """Write a file with two outgoing: one that makes a ticket of a row, and one that looks it up by its subject."""
    text = YAML.read_text("utf-8")
    clients = text[text.index("clients:") : text.index("transformers:")]
    (folder / "rows.yaml").write_text(
        clients
        + """outgoing:
  rows:
    transformers:
      - default: {client: 1}
      - set: {payload: {summary: "{{ subject }}", client_id: "{{ client }}", tickettype_id: 1}}
      - when: {if: halo_id != null, then: [set: {payload.id: "{{ halo_id }}"}]}
    publisher:
      prototype: haloitsm
      client: halo
      entity: POST /Tickets
      once: {find: GET /Tickets, query: {search: "{{ payload.summary }}"}, match: summary, settle_seconds: 1}
""",
        "utf-8",
    )
    return folder / "rows.yaml"


def rows(ran, stream=None):
    return [each["data"] for each in told(ran, "RECORD") if stream in (None, each["stream"])]


def states(ran):
    """Return the last state of each stream, as Airbyte gives it back."""
    last = {each["stream"]["stream_descriptor"]["name"]: each for each in told(ran, "STATE")}
    return [{"type": each["type"], "stream": each["stream"]} for each in last.values()]


def statuses(ran, stream):
    found = [each["stream_status"] for each in told(ran, "TRACE") if each["type"] == "STREAM_STATUS"]
    return [each["status"] for each in found if each["stream_descriptor"]["name"] == stream]


def errors(ran):
    return [each["error"] for each in told(ran, "TRACE") if each["type"] == "ERROR"]


def made(sandbox, start="Row"):
    return Counter(each["summary"] for each in sandbox.tables["Tickets"].values() if each["summary"].startswith(start))


@pytest.mark.parametrize(("connector", "passed"), [("source-haloitsm", 7), ("destination-haloitsm", 3)])
def test_the_standard_tests_of_the_cdk_pass(connector, passed, airbyte, settings, tmp_path):
    folder = tmp_path / connector
    folder.mkdir()
    (folder / "acceptance-test-config.yml").write_text(ACCEPTANCE, "utf-8")
    config = outgoing(tmp_path) if connector.startswith("destination") else None
    written(folder / "config.json", form(settings, config))
    written(folder / "wrong.json", form(settings | {"client_secret": "a-wrong-secret"}, config))
    options = ("-q", "-p", "no:cacheprovider", "--noconftest", "-c", "/dev/null", "--rootdir", tmp_path, "-W", "ignore")
    options += ("-p", "airbyte_cdk.test.standard_tests.pytest_hooks", "-k", "not docker", "-rs")
    warned = ("-W", "error::airbyte_cdk.test.standard_tests.DiscoveredCatalogWarning")
    variables = {"CONNECTOR": str(folder)}
    file = HERE / "airbyte_suites.py"
    ran = airbyte.run("python", "-m", "pytest", *options, *warned, file, timeout_seconds=500, **variables)
    assert ran.status == 0, ran.out[-3000:]
    assert int(re.search(r"(\d+) passed", ran.out)[1]) == passed, ran.out[-3000:]


@pytest.mark.parametrize("connector", ["source-haloitsm", "destination-haloitsm"])
def test_the_form_has_each_way_to_sign_in_and_marks_secrets(connector, run):
    [spec] = told(run(connector, "spec"), "SPEC")
    ways = spec["connectionSpecification"]["properties"]["authentication"]["oneOf"]
    assert [way["properties"]["type"]["const"] for way in ways] == ["client_credentials", "password", "api_key"]
    secret = {name for way in ways for name, one in way["properties"].items() if one.get("airbyte_secret")}
    assert secret == {"client_secret", "password", "api_key"}
    if connector.startswith("destination"):
        assert spec["supported_destination_sync_modes"] == ["append", "append_dedup"]


@pytest.mark.parametrize("connector", ["source-haloitsm", "destination-haloitsm"])
def test_a_check_says_in_a_sentence_what_is_wrong(connector, run, settings, tmp_path):
    def checked(settings, **more):
        config = written(tmp_path / "config.json", form(settings, outgoing(tmp_path)) | more)
        ran = run(connector, "check", "--config", config)
        assert ran.status == 0, ran.out + ran.log
        [status] = told(ran, "CONNECTION_STATUS")
        return status["status"], status.get("message", "")

    assert checked(settings) == ("SUCCEEDED", "")
    status, message = checked(settings | {"client_secret": "a-wrong-secret"})
    assert (status, "secret is wrong" in message) == ("FAILED", True)
    status, message = checked(settings | {"base_uri": "http://127.0.0.1:9"})
    assert (status, "refuses connections" in message) == ("FAILED", True)
    if connector.startswith("destination"):
        assert checked(settings, outgoing="row") == ("FAILED", "there is no outgoing 'row'. Did you mean 'rows'?")


def without_secret(config):
    told = config["authentication"]
    told["client_secrt"] = told.pop("client_secret")


@pytest.mark.parametrize("connector", ["source-haloitsm", "destination-haloitsm"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_secret, "unknown key 'client_secrt'. Did you mean 'client_secret'?"),
        (lambda config: config["authentication"].update(type="api-key"), "Did you mean 'api_key'?"),
        (lambda config: config["authentication"].update(client_secret=["x"]), "client_secret: must be text."),
        (lambda config: config["authentication"].update(api_key="left"), "unknown key 'api_key'"),
    ],
)
def test_wrong_ways_to_sign_in_are_told_and_not_shown(connector, spoil, words, run, settings, tmp_path):
    config = form(settings, outgoing(tmp_path))
    spoil(config)
    ran = run(connector, "check", "--config", written(tmp_path / "config.json", config))
    [status] = told(ran, "CONNECTION_STATUS")
    assert (ran.status, status["status"]) == (0, "FAILED")
    assert words in status["message"]
    assert settings["client_secret"] not in ran.out + ran.log


def test_files_that_cannot_be_read_are_told(run, source, settings, tmp_path):
    config = written(tmp_path / "config.json", form(settings, None))
    (tmp_path / "broken.json").write_text('{"a": 1,}', "utf-8")
    [error] = errors(run("source-haloitsm", "discover", "--config", tmp_path / "nowhere.json"))
    assert re.search(r"--config .*nowhere\.json cannot be read as JSON: .*No such file", error["message"])
    [error] = errors(run("destination-haloitsm", "write", "--config", config, "--catalog", tmp_path / "broken.json"))
    assert re.search(r"--catalog .*broken\.json cannot be read as JSON", error["message"])
    [error] = errors(source("read", "all_tickets", state={"a": 1}))
    assert "not as Airbyte's protocol has it" in error["message"]
    assert run("source-haloitsm").status == 0  # it shows how it is called


def test_a_setting_that_is_not_known_is_told_in_the_log(run, settings, tmp_path):
    config = written(tmp_path / "config.json", form(settings, None, start_dat="2026-01-01", _limit=5))
    ran = run("source-haloitsm", "check", "--config", config)
    assert [each["message"] for each in told(ran, "LOG") if each["level"] == "WARN"] == [
        "unknown key 'start_dat'. Did you mean 'start_date'?"
    ]


def test_all_usual_entities_are_read_and_a_second_run_brings_what_is_new(source, settings, sandbox):
    first = source("read", config=form(settings, None))
    assert first.status == 0, first.out[-3000:] + first.log
    counts = Counter(each["stream"] for each in told(first, "RECORD"))
    assert len(counts) >= 30
    assert counts["actions"] == len(sandbox.tables["Actions"])
    assert statuses(first, "actions") == ["STARTED", "RUNNING", "COMPLETE"]
    stated = Counter()
    for each in told(first, "STATE"):
        stated[each["stream"]["stream_descriptor"]["name"]] += each["sourceStats"]["recordCount"]
    assert {name: count for name, count in stated.items() if count} == counts
    second = source("read", config=form(settings, None), state=states(first))
    again = {each["stream"] for each in told(second, "RECORD")}
    assert not again & {"tickets", "actions", "clients", "sites", "users", "assets", "crm_notes", "kb_articles"}
    assert {each["stream"]["stream_descriptor"]["name"] for each in told(second, "STATE")} >= counts.keys()


def test_a_full_refresh_reads_everything_and_goes_on_where_it_was_cut_off(source):
    incremental = source("read", "new_tickets")
    whole = source("read", "new_tickets", mode="full_refresh", state=states(incremental))
    assert len(rows(whole)) == len(rows(incremental)) > 100
    assert rows(source("read", "new_tickets", mode="full_refresh", state=states(whole))) == []  # Airbyte tries again
    assert len(rows(source("read", "new_tickets", state=states(whole)))) == len(rows(whole))
    cut_off = source("read", "bad_ticket", mode="full_refresh")
    assert rows(cut_off)
    rest = source("read", "bad_ticket", mode="full_refresh", state=states(cut_off))
    assert rows(rest) == []
    assert ALL_FAIL in errors(rest)[0]["message"]


def test_a_stream_that_fails_says_so_and_does_not_stop_the_others(source):
    ran = source("read", "bad_ticket", "all_tickets")
    assert ran.status == 1
    assert statuses(ran, "bad_ticket")[-1] == "INCOMPLETE"
    assert statuses(ran, "all_tickets")[-1] == "COMPLETE"
    first, last = errors(ran)
    assert first["stream_descriptor"] == {"name": "bad_ticket"}
    assert ALL_FAIL in first["message"]
    assert first["failure_type"] == last["failure_type"] == "config_error"
    assert "1 of 2 streams were not read to the end: bad_ticket" in last["message"]


def test_a_stream_that_is_not_there_does_not_stop_the_others(source, run, tmp_path):
    ran = source("read", "all_tickets", "agents")
    catalog = json.loads((tmp_path / "catalog.json").read_text("utf-8"))
    catalog["streams"].insert(
        0, {**catalog["streams"][0], "stream": {**catalog["streams"][0]["stream"], "name": "all"}}
    )
    arguments = ("--config", tmp_path / "source.json", "--catalog", written(tmp_path / "catalog.json", catalog))
    again = run("source-haloitsm", "read", *arguments)
    assert again.status == 1
    assert len(rows(again)) == len(rows(ran)) > 100
    assert errors(again)[0]["message"].startswith("there is no stream 'all'")


def test_a_stream_whose_fields_cannot_be_found_out_is_named(source, settings, tmp_path):
    other = "{prototype: haloitsm, base_uri: 'http://127.0.0.1:9', authentication: {type: api_key, api_key: k}}"
    text = (
        YAML.read_text("utf-8")
        .replace("clients:", f"clients:\n  other: {other}", 1)
        .replace("client: halo,", "client: other,", 1)
    )
    (tmp_path / "other.yaml").write_text(text, "utf-8")
    ran = source("discover", config=form(settings, tmp_path / "other.yaml"))
    [error] = errors(ran)
    assert error["stream_descriptor"] == {"name": "all_tickets"}
    assert "refuses connections" in error["message"]


def test_yaml_can_be_given_as_text(source, settings):
    text = YAML.read_text("utf-8")
    ran = source("read", "without_bad_ticket", config=form(settings, None, yaml=text))
    assert ran.status == 0, ran.out
    assert rows(ran)[0]["label"].startswith("#")
    ran = source("discover", config=form(settings, None, yaml=text.replace("subscriber:", "subscribr:", 1)))
    assert ran.status == 1
    [error] = errors(ran)
    assert re.search(r"configuration.yaml:\d+:\d+: .*Did you mean 'subscriber'", error["message"])


def test_a_state_comes_out_once_all_before_it_is_published(destination, sandbox):
    some = [{"subject": f"Row {number}"} for number in range(12)]
    ran = destination(*records("rows", some[:7]), state("rows", 7), *records("rows", some[7:]), state("rows", 12))
    assert ran.status == 0, ran.out + ran.log
    first, second = told(ran, "STATE")
    assert [each["stream"]["stream_state"]["so far"] for each in (first, second)] == [7, 12]
    assert [each["destinationStats"]["recordCount"] for each in (first, second)] == [7, 5]
    assert made(sandbox) == {row["subject"]: 1 for row in some}


def test_what_no_state_has_confirmed_is_not_created_again(destination, sandbox, tmp_path):
    """A source that was cut off is asked again for what came behind its last state."""
    some = records("rows", [{"subject": f"Row {number}"} for number in range(6)])
    place = tmp_path / "on-record.sqlite"
    destination(*some[:2], state("rows"), *some[2:4], state=str(place))
    assert place.exists()
    ran = destination(*some[2:], complete("rows"), state=str(place))
    assert ran.status == 0, ran.out + ran.log
    assert made(sandbox) == {f"Row {number}": 1 for number in range(6)}


def test_what_is_written_by_yaml_text_stays_on_record_too(destination, sandbox, tmp_path):
    some = records("rows", [{"subject": f"Row {number}"} for number in range(3)])
    text = outgoing(tmp_path).read_text("utf-8").partition("      once:")[0]
    for _ in range(2):
        ran = destination(*some, config=[], yaml=text)
        assert ran.status == 0, ran.out + ran.log
    assert made(sandbox) == {f"Row {number}": 1 for number in range(3)}
    assert len(list((tmp_path / "state").rglob("*.sqlite"))) == 1


def test_a_refused_record_stops_the_sync_without_the_state_or_is_logged(destination, sandbox):
    some = records("rows", [{"subject": "Row good"}, {"subject": "Row bad", "client": "nobody"}])
    ran = destination(*some, state("rows"))
    assert (ran.status, told(ran, "STATE")) == (1, [])
    [error] = errors(ran)
    assert error["failure_type"] == "config_error"
    assert "1 of 2 records were not published" in error["message"]
    assert any("a record refused" in each["message"] for each in told(ran, "LOG"))
    ran = destination(*some, state("rows"), on_failed="log")
    assert (ran.status, len(told(ran, "STATE"))) == (0, 1)
    assert made(sandbox) == {"Row good": 1}


def test_append_dedup_sends_the_last_version_of_a_record_and_updates_what_has_an_id(destination, sandbox):
    some = [{"number": 1, "subject": "Row old"}, {"subject": "Row without"}, {"number": 1, "subject": "Row new"}]
    ran = destination(*records("rows", some), state("rows"), write="append_dedup", key=["number"])
    assert ran.status == 0, ran.out + ran.log
    assert made(sandbox) == {"Row new": 1, "Row without": 1}
    update = {"number": 1, "subject": "Row newer", "halo_id": 2003}
    ran = destination(*records("rows", [update]), state("rows"), write="append_dedup", key=["number"])
    assert sandbox.tables["Tickets"][2003]["summary"] == "Row newer", ran.out + ran.log


ODD = {"not a number": "NaN", "too large": "1e400", "beyond 64 bits": "1" * 30, "half a letter": r'"\ud800"'}


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_no_record_is_left_out_for_a_value_that_not_every_parser_takes(value, destination, sandbox):
    text = json.dumps(records("rows", [{"subject": "Row", "odd": "?"}])[0]).replace('"?"', value)
    ran = destination(text, state("rows"), write="append_dedup", key=["odd"])
    assert ran.status == 0, ran.out + ran.log
    assert made(sandbox) == {"Row": 1}


def test_a_line_that_is_no_message_stops_the_sync_without_the_state(destination):
    for line, words in (('{"type": "REC', "line 1 of what is to be written is not JSON"), ("[1]", "protocol")):
        ran = destination(line, state("rows"))
        assert (ran.status, told(ran, "STATE")) == (1, [])
        assert words in errors(ran)[0]["message"]


def test_what_cannot_be_written_is_told(destination):
    ran = destination(*records("other", [{"subject": "Row"}]))
    assert "a record is of stream 'other', which the catalog does not have" in errors(ran)[0]["message"]
    ran = destination(write="overwrite")
    assert "Choose append or append_dedup" in errors(ran)[0]["message"]
    ran = destination(outgoing="rowz")
    assert "there is no outgoing 'rowz'. Did you mean 'rows'?" in errors(ran)[0]["message"]
    assert "Traceback" not in ran.log


def test_a_destination_that_was_killed_creates_nothing_twice(airbyte, destination, tmp_path, sandbox):
    some = records("rows", [{"subject": f"Row {number}"} for number in range(12)])
    destination()  # writes its files
    command = [airbyte.folder / "bin" / "destination-haloitsm", "write"]
    command += ["--config", tmp_path / "destination.json", "--catalog", tmp_path / "written.json"]
    text = "".join(json.dumps(each) + "\n" for each in [*some[:5], state("rows", 5), *some[5:9], state("rows", 9)])
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=airbyte.variables, cwd=tmp_path, text=True
    ) as running:
        running.stdin.write(text)
        running.stdin.flush()
        assert any('"so far":5' in line for line in running.stdout)
        running.kill()  # it may have sent some of what is in front of the second state
    ran = destination(*some[5:], state("rows", 12))
    assert ran.status == 0, ran.out + ran.log
    assert made(sandbox) == {f"Row {number}": 1 for number in range(12)}


@pytest.mark.parametrize("connector", ["source", "destination"])
def test_its_image_runs(connector):
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers")
    root, tag = HERE.parents[1], f"haloitsm/{connector}:test"
    build = ["docker", "build", "-q", "-f", root / "connector" / "airbyte" / "Dockerfile", "--target", connector]
    subprocess.run([*build, "-t", tag, root], check=True)
    ran = subprocess.run(["docker", "run", "--rm", tag, "spec"], capture_output=True, text=True, check=True)
    assert '"airbyte_secret":true' in ran.stdout


@pytest.mark.parametrize("command", [commands.source, commands.destination])
@pytest.mark.skipif(importlib.util.find_spec("airbyte_cdk") is not None, reason="the CDK is installed beside us")
def test_where_the_cdk_is_missing_it_is_said_how_to_get_it(command):
    with pytest.raises(SystemExit, match=r"pip install 'haloitsm-connector\[airbyte\]'"):
        command()
