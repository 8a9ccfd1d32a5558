"""A run with a delta that is killed in the middle: the next one delivers the rest, and the one after that nothing."""

from __future__ import annotations

import json
import time

import pytest

CONFIG = """\
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    tenant: ${HALO_TENANT:-}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
storages: {sent: {}}
incoming:
  rows: {subscriber: {prototype: file, path: rows.jsonl}}
outgoing:
  assets:
    transformers:
      - set: {payload: {id: "{{ id }}", key_field: "{{ text }}"}}
      - delta: {storage: sent, key: "{{ id }}"}
    publisher: {prototype: haloitsm, client: halo, entity: POST /Asset}
routes:
  go: {incoming: rows, outgoing: assets}
"""


@pytest.mark.slow
def test_what_a_killed_run_did_not_deliver_comes_again_and_nothing_else(project, sandbox, process, finished):
    (project / "delta.yaml").write_text(CONFIG, "utf-8")
    ids = list(sandbox.tables["Asset"])[:200]
    rows = [{"id": number, "text": f"kill {number}"} for number in ids]
    (project / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    before = len(writes(sandbox))
    running = process("run", "delta.yaml", "--state", "state")
    deadline = time.monotonic() + 30
    while len(writes(sandbox)) - before < 1 and running.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    running.kill()
    running.wait()
    assert finished("run", "delta.yaml", "--state", "state").status == 0
    written = {row["key_field"] for request in writes(sandbox)[before:] for row in request.body}
    assert written == {row["text"] for row in rows}
    assert finished("run", "delta.yaml", "--state", "state").err == "go: 200 skipped\n"


def writes(sandbox):
    return [request for request in list(sandbox.requests) if request.method == "POST" and request.path == "/api/Asset"]
