"""What progress is counted from, without a terminal."""

from __future__ import annotations

from haloitsm_connector.cli.run_progress import Progress, row
from haloitsm_connector.publisher import Outcome
from haloitsm_connector.runner import Began, Delivered, Done, FetchEnded, QueueEnded, Stored


def counted(*events):
    progress = Progress(["tickets", "laptops"], clock=lambda: 100.0)
    for event in events:
        progress.count(event)
    return progress


def done(status, *outcomes):
    return Done(100, None, status, 1, tuple(Outcome({}, outcome) for outcome in outcomes))


def test_what_is_left_and_how_long_it_takes_is_known_when_all_is_read():
    progress = counted(
        Began("laptops", left=10),
        Stored("laptops", read=50, new=40),
        Delivered("laptops", (done("finished", "created"),) * 20),
    )
    line = progress.lines["laptops"]
    assert row("laptops", line, 110.0) == ("laptops", "50 …", "40", "20", "0", "2.0/s", "")
    progress.count(FetchEnded("laptops", complete=True))
    assert row("laptops", line, 110.0) == ("laptops", "50", "40", "20", "0", "2.0/s", "15 s")


def test_what_went_wrong_is_written_last():
    progress = counted(
        Stored("laptops", read=2, new=0, rejected=(Outcome({}, "failed"),)),
        Delivered("laptops", (done("retry", "failed"), done("waiting", "waiting"), done("failed", "refused"))),
        Delivered("laptops", (done("finished", "created", "sent"), done("skipped", "skipped"))),
        QueueEnded("laptops", {}, retry_at=7.0),
    )
    line = progress.lines["laptops"]
    assert line.told() == "1 created, 1 sent, 1 skipped, 1 to be retried, 1 refused, 1 rejected, 1 waiting"
    assert (line.settled, line.failed, line.retry_at) == (5, 4, 7.0)
    assert progress.total("refused", "rejected") == 2


def test_routes_stand_in_the_order_of_the_configuration_with_their_results():
    progress = counted(Began("seen"), Began("laptops"), Began("laptops results"), Began("tickets"))
    assert [name for name, _ in progress.ordered()] == ["tickets", "laptops", "laptops results", "seen"]
