from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"aiohttp", "httpx", "jsonschema", "pydantic", "yaml", "rich", "haloitsm_connector.sandbox"}


def test_help_names_every_command_in_one_uncut_line(haloitsm):
    ended = haloitsm("--help")
    commands = ended.out.partition("Commands:\n")[2].splitlines()
    assert ended.status == 0
    assert {line.split()[0] for line in commands} == {
        "demo", "init", "check", "entities", "entity", "preview", "get", "post", "delete", "run", "sandbox", "schema",
        "plugins", "test", "catalogue", "waiting", "export", "import", "cursors",
        "doctor", "storages", "webhook", "tasks", "bulk", "status", "serve",
    }  # fmt: skip
    assert all(line.endswith(".") and not line.endswith("...") for line in commands)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(option):
    code = (
        "import sys\nfrom haloitsm_connector.cli.main import main\n"
        f"try: main([{option!r}])\nexcept SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert HEAVY & set(done.stderr.split()) == set()


def test_version_is_printed(haloitsm):
    assert haloitsm("--version").out.startswith("haloitsm-connector ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["--frobnicate"],
        ["check"],
        ["get"],
        ["get", "/Tickets", "-q", "count"],
        ["get", "/Tickets", "-p", "=3"],
        ["entities", "--method", "PUT"],
        ["preview", "halo.yaml", "tickets", "--limit", "0"],
        ["sandbox", "--port", "99999"],
        ["init", "--authentication", "magic"],
        ["catalogue"],
        ["catalogue", "refresh"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_says_what_is_right(haloitsm, project, arguments):
    ended = haloitsm(*arguments)
    assert ended.status == 2
    assert "Usage: haloitsm" in ended.err + ended.out
