"""`haloitsm test` runs tests beside a configuration, shows what differs, and writes it when told to."""

from __future__ import annotations

import json

import pytest
import yaml

CONFIG = """\
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${file:secret.txt}"}
storages: {ids: {}}
transformers:
  tidy:
    - rename: {summary: title}
    - set: {key: "T{{ id }}"}
incoming:
  tickets:
    subscriber: {prototype: haloitsm, client: halo, entity: GET /Tickets}
    transformers: [tidy]
outgoing:
  assets:
    transformers:
      - load: {storage: ids, key: "{{ key }}", into: asset_id}
      - request: {client: halo, uri: "/Client/{id}", path: {id: "{{ client }}"}, items: name, into: client_name}
      - save: {storage: ids, key: last, value: "{{ key }}"}
      - delta: {storage: ids, key: "{{ key }}"}
    publisher: {prototype: haloitsm, client: halo, entity: POST /Asset}
routes:
  sync: {incoming: tickets, outgoing: assets, transformers: [{filter: client}]}
"""
TESTS = """\
# What every ticket goes through.
tests:
  - name: a summary becomes a title
    chain: transformers.tidy   # the named chain
    given: {id: 7, summary: Printer}
    expected:
      id: 7
      title: Printer
      key: T7

  - name: a ticket without a number fails
    chain: incoming.tickets.transformers
    given: [{summary: Printer}]
    failed: [gives null]
  - name: from one end of the route to the other
    chain: routes.sync
    given:
      - {id: 7, client: 12}
      - {id: 8}
    world:
      storages: {ids: {T7: 4711}}
      answers: [{request: GET /Client/12, value: {name: Acme}}]
    expected: [{id: 7, client: 12, key: T7, asset_id: 4711, client_name: Acme}]
"""


@pytest.fixture
def project(folder):
    """A folder with a configuration whose variables are not set, and tests."""
    (folder / "halo.yaml").write_text(CONFIG, "utf-8")
    (folder / "halo.test.yaml").write_text(TESTS, "utf-8")
    return folder


def test_tests_that_come_out_as_expected_need_neither_a_halo_nor_credentials(haloitsm, project):
    for path in (".", "halo.yaml", "halo.test.yaml"):
        ended = haloitsm("test", path)
        assert (ended.status, ended.out) == (0, "")
        assert ended.err == "3 tests: all as expected.\n"
    assert sorted(file.name for file in project.iterdir()) == ["halo.test.yaml", "halo.yaml"]


def test_what_differs_is_shown_value_by_value(haloitsm, project):
    (project / "halo.test.yaml").write_text(TESTS.replace("title: Printer", "title: printer\n      note: x"), "utf-8")
    ended = haloitsm("test", ".")
    assert ended.status == 4
    assert ended.out.splitlines() == [
        "halo.test.yaml:3:5: a summary becomes a title",
        '  - expected[0].title: "printer"',
        '  + expected[0].title: "Printer"',
        '  - expected[0].note: "x"',
    ]
    assert "3 tests: 1 differ" in ended.err


def test_a_failure_that_nobody_expects_differs(haloitsm, project):
    (project / "halo.test.yaml").write_text(TESTS.replace("failed: [gives null]", "failed: []"), "utf-8")
    ended = haloitsm("test", ".")
    assert ended.status == 4
    assert "+ failed[0]: " in ended.out
    assert "step 2 (set): id: gives null" in ended.out


def test_accept_writes_what_differs_and_leaves_all_else(haloitsm, project):
    file = project / "halo.test.yaml"
    file.write_text(
        TESTS.replace("title: Printer", "title: printer").replace("    failed: [gives null]\n", ""), "utf-8"
    )
    ended = haloitsm("test", ".", "--accept")
    assert ended.status == 0
    assert "2 differed, and now expect what they gave" in ended.err
    assert haloitsm("test", ".").status == 0
    text = file.read_text("utf-8")
    assert text.startswith("# What every ticket goes through.\n")
    assert "chain: transformers.tidy   # the named chain\n" in text
    assert yaml.safe_load(text)["tests"][0]["expected"] == {"id": 7, "title": "Printer", "key": "T7"}
    assert text.count("\n") >= TESTS.count("\n") - 3


@pytest.mark.parametrize("value", ["no", "2025-01-01", "0o7", "1_0", "", "# x", "a: b", "ü\n", 1e20, [[]], {"": None}])
def test_whatever_is_accepted_is_read_again_as_the_same(haloitsm, project, value):
    case = {"name": "x", "chain": "transformers.odd", "given": {"id": 1}, "expected": []}
    (project / "odd.yaml").write_text(json.dumps({"transformers": {"odd": [{"set": {"v": value}}]}}), "utf-8")
    (project / "halo.test.yaml").write_text(yaml.safe_dump({"tests": [case]}), "utf-8")
    assert haloitsm("test", ".").status == 4
    assert haloitsm("test", ".", "--accept").status == 0
    assert haloitsm("test", ".").status == 0


def test_what_storages_hold_afterwards_can_be_expected(haloitsm, project):
    stored = TESTS + "    stored: {ids: {T7: 4711, last: T8}}\n"
    (project / "halo.test.yaml").write_text(stored, "utf-8")
    ended = haloitsm("test", ".")
    assert ended.status == 4
    assert '- stored.ids.last: "T8"' in ended.out
    assert '+ stored.ids.last: "T7"' in ended.out


def test_json_has_a_line_for_every_test(haloitsm, project):
    lines = [json.loads(line) for line in haloitsm("test", ".", "--json").out.splitlines()]
    assert [line["result"] for line in lines] == ["as expected"] * 3
    assert lines[0]["where"] == "halo.test.yaml:3:5"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tests:\n  - {name: a, chain: transformers.tidi, given: {}}\n", "halo.test.yaml:2:15: tests[0].chain"),
        ("tests:\n  - {name: a, chain: transformers.tidi, given: {}}\n", "Did you mean 'transformers.tidy'?"),
        ("tests:\n  - {name: a, chain: transformers.tidy, givn: {}}\n", "Did you mean 'given'?"),
        ("tests: []\n", "tests:"),
        ("tests: [\n", "halo.test.yaml:"),
    ],
)
def test_mistakes_in_tests_are_located(haloitsm, project, text, said):
    (project / "halo.test.yaml").write_text(text, "utf-8")
    ended = haloitsm("test", ".")
    assert ended.status == 1
    assert said in ended.err


def test_a_folder_without_tests_says_where_they_belong(haloitsm, project):
    (project / "halo.test.yaml").unlink()
    ended = haloitsm("test", ".")
    assert ended.status == 1
    assert "Those of halo.yaml stand beside it in halo.test.yaml." in ended.err
    assert haloitsm("test", "halo.yaml").status == 1


def test_tests_of_other_files_and_hidden_folders_are_left_alone(haloitsm, project):
    (project / ".old").mkdir()
    for name in (".old/x.test.yaml", "other.test.yaml"):
        (project / name).write_text("tests: none\n", "utf-8")
    assert haloitsm("test", "halo.yaml").status == 0
    assert "other.test.yaml:1:1" in haloitsm("test", ".").err
    assert ".old" not in haloitsm("test", ".").err


def test_files_of_the_configuration_are_the_real_ones(haloitsm, project):
    (project / "prices.csv").write_text("sku,price\nA,1\n", "utf-8")
    step = {"join": {"file": "prices.csv", "row_key": "{{ sku }}", "key": "{{ sku }}", "into": "article"}}
    case = {"name": "x", "chain": "transformers.joined", "given": {"sku": "A"}}
    case["expected"] = {"sku": "A", "article": {"sku": "A", "price": "1"}}
    (project / "more.yaml").write_text(json.dumps({"transformers": {"joined": [step]}}), "utf-8")
    (project / "halo.test.yaml").write_text(json.dumps({"tests": [case]}), "utf-8")
    assert haloitsm("test", ".").status == 0


def test_functions_and_schemas_of_the_configuration_are_the_real_ones(haloitsm, project):
    (project / "steps").mkdir()
    (project / "steps" / "prices.py").write_text("def double(entity):\n    return {'n': entity['n'] * 2}\n", "utf-8")
    checked = [{"python": {"function": "prices.double"}}, {"validate": {"operation": "POST /Tickets"}}]
    more = {"python": {"folder": "steps"}, "transformers": {"checked": checked}}
    (project / "more.yaml").write_text(json.dumps(more), "utf-8")
    case = {"name": "x", "chain": "transformers.checked", "given": {"n": 2}, "expected": {"n": 4}}
    (project / "halo.test.yaml").write_text(json.dumps({"tests": [case]}), "utf-8")
    ended = haloitsm("test", ".")
    assert (ended.status, ended.err) == (0, "1 test: all as expected.\n")
