"""Schedules, maintenance windows and retention, as they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from haloitsm_connector.config import load
from haloitsm_connector.errors import ConfigError

PARTS = """\
incoming: {lines: {subscriber: {prototype: file, path: lines.csv}}}
outgoing: {copies: {publisher: {prototype: file, path: copies.jsonl}}}
routes: {tickets: {incoming: lines, outgoing: copies}, customers: {incoming: lines, outgoing: copies}}
"""


def loaded(folder: Path, text: str):
    (folder / "halo.yaml").write_text(PARTS + text, "utf-8")
    return load([folder / "halo.yaml"], environ={})


def test_a_schedule_runs_routes_in_order_and_some_of_them_together(tmp_path):
    config = loaded(
        tmp_path,
        'schedules: {nightly: {cron: "30 2 * * MON-FRI", time_zone: Europe/Amsterdam, run: [[tickets, customers]]}}\n'
        'maintenance: {patching: {cron: "0 22 * * SUN", minutes: 90}}\n'
        "retention: {days: 30, tasks: 100000}\n",
    )
    assert config.schedules["nightly"].run == [["tickets", "customers"]]
    assert (config.schedules["nightly"].missed, config.schedules["nightly"].priority) == ("once", "medium")
    assert config.maintenance["patching"].minutes == 90
    assert (config.retention.days, config.retention.tasks) == (30, 100000)


def test_without_them_nothing_runs_by_itself_and_nothing_is_removed(tmp_path):
    config = loaded(tmp_path, "")
    assert (config.schedules, config.maintenance) == ({}, {})
    assert (config.retention.days, config.retention.tasks) == (None, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{s: {cron: "0 0 * * *", run: [ticket]}}', "schedules.s.run[0]: there is no route 'ticket'. Did you mean"),
        ('{s: {cron: "0 0 * * *", run: [tickets, [customer]]}}', "schedules.s.run[1][0]: there is no route 'customer'"),
        ('{s: {cron: "0 25 * * *", run: [tickets]}}', "schedules.s.cron: is no cron expression: bad hour"),
        ('{s: {cron: "0 0 * * *", run: [tickets], time_zone: Amsterdam}}', "there is no such time zone. Did you mean"),
        ('{s: {cron: "0 0 * * *", run: []}}', "schedules.s.run"),
        ("{s: {run: [tickets]}}", "schedules.s: 'cron' is missing"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(tmp_path, text, problem):
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, f"schedules: {text}\n")
    assert "halo.yaml:4:" in str(raised.value)
    assert problem in str(raised.value)
