"""Dates and truths are taken as spreadsheets save them in CSV, and a date is never guessed."""

from __future__ import annotations

import pytest
import yaml

from haloitsm_connector.cli.main import main


@pytest.fixture
def assets(sandbox, folder):
    """The numbers of the first assets, and what their warranty ends on."""
    numbers = list(sandbox.tables["Asset"])[:4]

    def write(*dates):
        lines = "".join(f"{number};{date}\n" for number, date in zip(numbers, dates, strict=False))
        (folder / "in.csv").write_text(f"id;warranty_end\n{lines}")
        return "in.csv"

    return write, lambda: [sandbox.tables["Asset"][number]["warranty_end"][:10] for number in numbers]


def test_one_cell_tells_how_its_column_is_read_and_the_preview_shows_iso(bulk, folder, assets):
    write, ends = assets
    ended = bulk("update", "Asset", "--from", write("3/4/2026", "12/31/2026", "2026-05-06", "7.8.2026"), "--yes")
    assert ended.status == 0, ended
    assert "2026-03-04" in ended.out
    assert ends() == ["2026-03-04", "2026-12-31", "2026-05-06", "2026-08-07"]


@pytest.mark.parametrize("dates", [("03/04/2026", ""), ("03/04/2026", "31/12/2026", "12/31/2026")])
def test_a_column_that_can_be_read_in_two_ways_is_refused_until_it_is_said(bulk, folder, assets, writes, dates):
    write, ends = assets
    command = ("update", "Asset", "--from", write(*dates), "--yes")
    ended = bulk(*command)
    assert (ended.status, writes()) == (1, [])
    assert "column 'warranty_end': '03/04/2026' can be read in two ways" in ended.err
    assert "--dates dmy (day first) or --dates mdy (month first)" in ended.err
    assert bulk(*command, "--dates", "dmy").status == 0
    assert ends()[0] == "2026-04-03"


def test_a_value_for_all_is_read_alike(bulk, folder, assets):
    write, ends = assets
    command = ("update", "Asset", "--from", write("", ""), "--map", "warranty_end=", "--yes")
    assert "can be read in two ways" in bulk(*command, "--set", "warranty_end=03/04/2026").err
    assert bulk(*command, "--set", "warranty_end=31/12/2026").status == 0
    assert ends()[:2] == ["2026-12-31"] * 2


def test_a_saved_route_reads_dates_and_truths_alike(bulk, sandbox, folder, assets, capsys):
    write, _ = assets
    path = write("3/4/2026", "31/12/2026")
    text = (folder / path).read_text()
    head, *lines = text.splitlines()
    (folder / path).write_text("\n".join([f"{head};inactive", f"{lines[0]};WAHR", f"{lines[1]};nein"]))
    bulk("update", "Asset", "--from", path, "--dry-run", "--save-config", "saved/halo.yaml")
    assert yaml.safe_load((folder / "saved/halo.yaml").read_text())["routes"]
    with pytest.raises(SystemExit) as end:
        main(["run", str(folder / "saved"), "bulk-update-asset"])
    assert end.value.code == 0, capsys.readouterr()
    sent = [record for one in sandbox.requests if one.method == "POST" and "/api/" in one.path for record in one.body]
    assert [(one["warranty_end"], one["inactive"]) for one in sent] == [("2026-04-03", True), ("2026-12-31", False)]


def test_the_same_delete_ends_as_it_did(bulk, sandbox, folder):
    asset = next(iter(sandbox.tables["Asset"]))
    (folder / "in.csv").write_text(f"id\n{asset}\n999999\n")
    command = ("delete", "Asset", "--from", "in.csv", "--count", 1)
    assert bulk(*command).status == 4
    again = bulk(*command)
    assert "has carried this out already" in again.err
    assert again.status == 4
