from __future__ import annotations

import io
import json
import shlex
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.errors import InputError
from haloitsm_connector.interchange.curl import read_curl

URL = "https://acme.haloitsm.com/api/Client"


def one(text):
    requests, _ = read_curl(text)
    (request,) = requests
    return request


def test_what_chrome_copies_for_bash_is_read(data):
    (save, read), notes = read_curl((data / "chrome-bash.txt").read_text("utf-8"))
    assert (save.method, save.url) == ("POST", URL)
    assert save.payload == [{"id": 12, "item_tax_code": 1, "notes": "Café & Co's !"}]
    assert (read.method, read.url.partition("/api")[2]) == ("GET", "/Actions/12?ticket_id=2001&includedetails=true")
    assert [note.where for note in notes if "TLS" in note.what] == ["command 2"]


def test_what_chrome_copies_for_windows_is_read(data):
    request = one((data / "chrome-cmd.txt").read_bytes().decode())
    assert request.payload == [{"id": 12, "item_tax_code": 1, "notes": "50% & more"}]
    assert ("accept", "application/json, text/plain, */*") in request.headers


def test_what_firefox_copies_is_read(data):
    request = one((data / "firefox-posix.txt").read_text("utf-8"))
    assert (request.method, request.payload) == ("POST", [{"id": 12, "item_tax_code": 1}])


@pytest.mark.parametrize(
    ("command", "method", "url", "body"),
    [
        (f"curl {URL}", "GET", URL, None),
        (f"curl -sSL -XDELETE {URL}/3", "DELETE", f"{URL}/3", None),
        (f"curl -G {URL} -d a=1 --data-urlencode 'search=x y'", "GET", f"{URL}?a=1&search=x%20y", None),
        (f"curl --request POST --url {URL} --json '{{}}'", "POST", URL, "{}"),
        (f'curl "{URL}" -d "{{\\"id\\":1}}"', "POST", URL, '{"id":1}'),
        ("curl acme.haloitsm.com/api/Client -H 'a:b'", "GET", "https://acme.haloitsm.com/api/Client", None),
        (f"C:\\\\Windows\\\\curl.exe {URL}", "GET", URL, None),
        (f"curl {URL} --data-raw $'\\ud83d\\ude00\\x41\\101'", "POST", URL, "\U0001f600AA"),
    ],
)
def test_commands_typed_by_hand_are_read(command, method, url, body):
    request = one(command)
    assert (request.method, request.url, request.body) == (method, url, body)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no curl command"),
        ("Invoke-WebRequest -Uri x", "no curl command"),
        ("curl -H 'a: b'", "no URL"),
        ("curl 'https://x", "does not close"),
        ("curl $'https://x", "does not close"),
        ("curl https://x -H", "value of --header is missing"),
        ("curl https://x -d @file.json", "file file.json"),
        ("curl https://[x", "no URL"),
    ],
)
def test_what_cannot_be_read_is_said(text, said):
    with pytest.raises(InputError, match=said):
        read_curl(text)


@settings(max_examples=100, deadline=None)
@given(body=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_whatever_a_shell_quotes_is_read_back(body):
    assert one(f"curl {URL} --data-raw {shlex.quote(body)}").body == body


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet="curl -'\"$\\^\n&;XHd{}:/ x", max_size=40))
def test_any_text_is_read_or_refused(text):
    with suppress(InputError):
        read_curl(text)


@pytest.mark.parametrize("pasted", [True, False])
def test_a_command_becomes_a_configuration_that_checks(haloitsm, data, folder, monkeypatch, pasted):
    text = (data / "chrome-bash.txt").read_text("utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    ended = haloitsm("import", "curl", *([] if pasted else [data / "chrome-bash.txt"]), "-o", "got")
    assert ended.status == 0, ended.err
    assert "the tokens of 2 requests" in ended.err
    written = "".join(path.read_text("utf-8") for path in (folder / "got").iterdir())
    assert "copied-token" not in written
    assert "copied-cookie" not in written
    monkeypatch.setenv("HALO_CLIENT_ID", "x")
    monkeypatch.setenv("HALO_CLIENT_SECRET", "x")
    ended = haloitsm("check", "got")
    assert (ended.status, ended.err) == (0, "No errors: 1 client, 2 incoming, 2 outgoing, 2 routes.\n")
    rows = json.loads((folder / "got" / "update-client-item-tax-code-notes.rows.json").read_text("utf-8"))
    assert rows[0]["notes"] == "Café & Co's !"


def test_a_password_in_a_command_is_a_variable_of_its_own(haloitsm, folder):
    (folder / "a.txt").write_text(f"""curl {URL} --data-raw '[{{"id":12,"password":"opensesame"}}]'""", "utf-8")
    ended = haloitsm("import", "curl", "a.txt", "-o", "got")
    assert "PAYLOAD_PASSWORD (the field password of POST /Client)" in ended.err
    assert "password: ${PAYLOAD_PASSWORD}" in (folder / "got" / "halo.yaml").read_text("utf-8")
