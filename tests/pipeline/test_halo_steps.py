"""The steps for what is special in Halo, over what a Halo really answers."""

from __future__ import annotations

import base64
import json

import pytest

from haloitsm_connector import Pipeline
from haloitsm_connector.sandbox import Sandbox

CLIENT = """\
clients:
  halo:
    prototype: haloitsm
    base_uri: ${HALO_BASE_URI}
    authentication: {type: client_credentials, client_id: "${HALO_CLIENT_ID}", client_secret: "${HALO_CLIENT_SECRET}"}
"""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as running:
        yield running


@pytest.fixture
def through(sandbox, tmp_path):
    """Run entities through steps beside a client of the sandbox."""

    def run(steps, rows):
        chain = "".join(f"      - {json.dumps(step)}\n" for step in steps)
        (tmp_path / "rows.json").write_text(json.dumps(rows), "utf-8")
        (tmp_path / "halo.yaml").write_text(
            f"{CLIENT}incoming:\n  rows:\n    subscriber: {{prototype: file, path: {tmp_path}/rows.json}}\n"
            f"    transformers:\n{chain}",
            "utf-8",
        )
        with Pipeline.load(tmp_path / "halo.yaml", environ=sandbox.environment, state=tmp_path / "state") as pipeline:
            return list(pipeline.read("rows"))

    return run


def test_each_list_of_texts_is_read_once_however_many_entities_come(sandbox, through):
    statuses = {row["id"]: row["name"] for row in sandbox.tables["Status"].values()}
    before = len(sandbox.requests)
    rows = [{"status_id": number, "old": [number]} for number in statuses] * 3
    done = through([{"lookup": {"client": "halo", "texts": {"status_id": "Status", "old.*": "Status"}}}], rows)
    assert done == [{"status_id": text, "old": [text]} for text in statuses.values()] * 3
    asked = [request.path for request in sandbox.requests[before:] if request.path.lower().endswith("/status")]
    assert len(asked) == 1


def test_a_file_that_halo_holds_is_taken_along_byte_for_byte(sandbox, through):
    number, held = next((number, row) for number, row in sandbox.tables["Attachment"].items() if row["filename"])
    steps = [
        {"attachment": {"client": "halo", "uri": "/Attachment/{id}", "path": {"id": "{{ id }}"}, "filename": "a.txt"}}
    ]
    (done,) = through(steps, [{"id": number}])
    data = done["data_base64"].partition(";base64,")[2]
    assert done["filename"] == "a.txt"
    assert len(base64.b64decode(data)) == held["filesize"]


def test_a_file_below_the_folder_is_taken_along_and_no_other(tmp_path, through):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.bin").write_bytes(bytes(range(256)))
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    steps = [{"attachment": {"folder": "files", "file": "{{ file }}"}, "on_error": "drop"}]
    done = through(
        steps, [{"file": "a.bin"}, {"file": "../secret.txt"}, {"file": "none.bin"}, {"file": "a.bin/../../x"}]
    )
    assert [base64.b64decode(row["data_base64"].partition(",")[2]) for row in done] == [bytes(range(256))]
