"""The demo's output is compared with data/demo.txt; after a wanted change: UPDATE_GOLDEN=1 pytest tests/cli."""

from __future__ import annotations

import os
import re
from pathlib import Path

from haloitsm_connector.cli.demo import demo_folder

GOLDEN = Path(__file__).parent / "data" / "demo.txt"


def settled(printed: str) -> str:
    """Replace what differs from run to run: the port, the folder of the pipelines, times."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", printed).replace(str(demo_folder()), "DEMO")
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+…?", "TIME", text)


def test_the_demo_shows_the_main_job(haloitsm, folder):
    ended = haloitsm("demo")
    printed = settled(ended.out)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(printed, "utf-8")
    assert (ended.status, ended.err) == (0, "")
    assert printed == GOLDEN.read_text("utf-8")


def test_the_golden_output_proves_each_part_of_the_job():
    text = GOLDEN.read_text("utf-8")
    assert "GET /api/Actions/AC12?includedetails=true → 200" in text
    assert len(re.findall(r"GET /api/Tickets\?.*page_no=\d+", text)) == 3
    assert text.count("POST /api/Asset → 201") == 5
    assert text.count("DELETE /api/Asset/") == 1


def test_the_output_folder_can_be_chosen(haloitsm, folder):
    assert haloitsm("demo", "--output", "elsewhere/deep").status == 0
    assert sorted(path.name for path in (folder / "elsewhere" / "deep").iterdir()) == [
        "created-assets.jsonl",
        "one-action.jsonl",
        "tickets.jsonl",
    ]


def test_a_folder_that_cannot_be_made_is_named(haloitsm, folder):
    (folder / "taken").write_text("")
    ended = haloitsm("demo", "--output", "taken")
    assert (ended.status, ended.err) == (1, "error: taken: File exists.\n")
