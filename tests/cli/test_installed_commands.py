"""schema, plugins and catalogue refresh: what is installed here, and what one's own instance knows."""

from __future__ import annotations

import json
import sys

import pytest

from haloitsm_connector.sandbox import Sandbox


def test_schema_is_printed_or_written(haloitsm, folder):
    printed = haloitsm("schema")
    written = haloitsm("schema", "--output", "schema/halo.json")
    assert (printed.status, written.status, written.out) == (0, 0, "")
    assert json.loads(printed.out) == json.loads((folder / "schema" / "halo.json").read_text())
    assert "# yaml-language-server: $schema=schema/halo.json\n" in written.err


def test_plugins_tell_package_and_summary(haloitsm):
    rows = json.loads(haloitsm("plugins", "--json").out)
    assert {"kind": "transformers", "name": "rename", "package": "haloitsm-connector"}.items() <= next(
        row for row in rows if row["name"] == "rename"
    ).items()
    assert all(row["summary"] for row in rows)


@pytest.fixture
def broken_plugin(folder, monkeypatch):
    package = folder / "site" / "acme_halo-1.2.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-halo\nVersion: 1.2\n")
    (package / "entry_points.txt").write_text("[haloitsm.transformers]\nacme = acme_halo_missing:STEP\n")
    monkeypatch.syspath_prepend(str(package.parent))
    assert str(package.parent) in sys.path


def test_a_broken_plugin_is_listed_with_its_fault(haloitsm, broken_plugin):
    ended = haloitsm("plugins")
    row = next(line for line in ended.out.splitlines() if "acme" in line)
    assert ended.status == 0
    assert row.split(maxsplit=4) == [
        "transformers",
        "acme",
        "acme-halo",
        "1.2",
        "cannot be loaded: ModuleNotFoundError: No module named 'acme_halo_missing'",
    ]


def test_a_broken_plugin_names_itself_where_it_is_needed(haloitsm, project, broken_plugin):
    assert haloitsm("check", "halo.yaml").status == 0
    ended = haloitsm("schema")
    assert ended.status == 1
    assert "acme-halo 1.2" in ended.err
    (project / "uses.yaml").write_text("transformers:\n  one:\n    - acme: {}\n")
    ended = haloitsm("check", "uses.yaml")
    assert ended.status == 1
    assert "acme-halo 1.2" in ended.out


OPENAPI = {"openapi": "3.0.1", "paths": {"/Widget/{id}": {"get": {"tags": ["Widget"], "parameters": []}}}}


def test_a_refreshed_catalogue_is_used_from_then_on(haloitsm, folder):
    (folder / "halo.json").write_text(json.dumps(OPENAPI))
    ended = haloitsm("catalogue", "refresh", "--from", "halo.json")
    assert ended.status == 0
    assert "+ GET /Widget/{id}\n" in ended.out
    assert "- GET /Tickets\n" in ended.out
    assert " operations, 1 new, " in ended.err
    assert "GET /Widget/{id}" in haloitsm("entities", "widget").out


def test_a_refresh_as_json_names_what_came_and_went(haloitsm, folder):
    (folder / "halo.json").write_text(json.dumps(OPENAPI))
    found = json.loads(haloitsm("catalogue", "refresh", "--from", "halo.json", "--json").out)
    assert found["added"] == ["GET /Widget/{id}"]
    assert "GET /Tickets" in found["removed"]


def test_a_refresh_from_what_is_no_document_changes_nothing(haloitsm, folder):
    (folder / "page.json").write_text("<html>")
    for source, said in (("page.json", "cannot be read"), ("missing.json", "cannot read missing.json")):
        ended = haloitsm("catalogue", "refresh", "--from", source)
        assert ended.status == 1
        assert said in ended.err
    with Sandbox() as other:
        ended = haloitsm("catalogue", "refresh", "--from", f"{other.base_uri}/nothing.json")
    assert ended.status == 3
    assert "answered 404" in ended.err
    assert haloitsm("entity", "GET /Tickets").status == 0
