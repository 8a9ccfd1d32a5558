"""Read a list in parts, side by side, for whoever has several machines: ranges of ids, or windows of dates.

Ranges of ids follow each other without a gap, the first begins and the last ends where the list does. Each is read as
the whole list is, from its beginning on (see `verified`), so a record that is there all the time comes in exactly one
of them, once. Where they begin is looked up in the list, so that they hold about as many rows; that is a guess which
costs time where it is wrong, and nothing else.

Windows are asked for with a second more at either end, since nobody knows whether Halo counts the ends in
(halo-api-facts 2.4), and a row belongs to the window that its own date lies in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

from haloitsm_connector.client.drive import Ahead, Flow
from haloitsm_connector.errors import AnswerError, ConnectorError
from haloitsm_connector.subscriber.incremental import Plan
from haloitsm_connector.subscriber.moments import moment_in, to_the_millisecond, to_the_second
from haloitsm_connector.subscriber.paging import answer_of, sifted, with_query
from haloitsm_connector.subscriber.reader import ORDER, Question, Reader
from haloitsm_connector.subscriber.verified import NEVER_CUT, Reached
from haloitsm_transformers import Entity

INSTANT = timedelta(seconds=1)
ROW_FIELDS = {"dateoccured": "dateoccurred"}
"""Fields of rows that are called otherwise than the column that ``datesearch`` names (halo-api-facts 2.4)."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some of what a subscriber reads: of its ``question``-th request the rows in a range, or in a window.

    Ids are above ``after`` and at most ``last``, moments from ``since`` on and before ``until``; None is no limit.
    ``position`` says where in the list it may begin, which only saves requests.
    """

    question: int = 0
    after: int | None = None
    last: int | None = None
    position: int = 0
    since: datetime | None = None
    until: datetime | None = None


def ranges(reader: Reader, questions: Sequence[Question], count: int) -> Flow[Part]:
    """Yield about ``count`` ranges of the one list that is asked for; several, or other lists, are a part each."""
    if len(questions) != 1 or count < 2 or not _in_order(questions[0], reader):
        yield [Part(number) for number in range(len(questions))]
        return
    request = with_query(questions[0].request, {"page_size": 1, "page_no": 1})
    first = reader.page(answer_of((yield request)))
    size = int(dict(questions[0].request.query)["page_size"])
    wanted = min(count, -(-int(first.total) // size))
    starts = [number * int(first.total) // wanted for number in range(1, wanted)]
    probes = [with_query(request, {"page_no": start}) for start in starts]  # which counts from 1: the row before it
    yield Ahead(probes, reader.parallel)
    ends: dict[int, int] = {}
    for start, probe in zip(starts, probes, strict=True):
        rows = reader.page(answer_of((yield probe))).rows
        if len(rows) == 1 and isinstance(one := rows[0].get("id"), int) and one > max(ends, default=one - 1):
            ends[one] = start
    edges: list[int | None] = [None, *ends, None]
    yield [Part(0, after, last, ends.get(after or 0, 0)) for after, last in pairwise(edges)]


def windows(plan: Plan, questions: Sequence[Question], now: datetime) -> Iterator[Part]:
    """Yield the windows of dates of what is asked for, none for a plan that has none; the last one has no end."""
    if plan.since is None or plan.window is None or plan.lower is None or not _stamps(plan):
        return
    step = plan.window - 2 * INSTANT  # what is asked for may be no longer than a window
    end, lower = plan.until or now, plan.since
    starts = []
    while lower < end:
        starts.append(lower)
        lower += step
    for number in range(len(questions)):
        for since, until in pairwise([*starts, plan.until]):
            yield Part(number, since=since, until=until)


def read_part(reader: Reader, questions: Sequence[Question], plan: Plan | None, part: Part) -> Flow[Entity]:
    """Read one part. AnswerError where a list does not keep to the order of ids, or a row has no date to go by."""
    question = questions[part.question]
    if plan is not None:
        yield from sifted(reader.read(_bounded(question, plan, part)), partial(_within, plan, part))
        return
    if part.after is None and part.last is None:
        yield from sifted(reader.read(question), list)
        return
    reached = Reached(part.after, part.position)
    reading = reader.read(question, reached=reached, proven=True)
    step = partial(next, reading)
    while part.last is None or reached.id is None or reached.id < part.last:
        try:
            item = step()
        except StopIteration:
            return
        step = partial(next, reading)
        if not isinstance(item, list):
            try:
                step = partial(reading.send, (yield item))
            except ConnectorError as error:
                step = partial(reading.throw, error)
        elif rows := item if part.last is None else [row for row in item if row["id"] <= part.last]:
            yield rows


def _in_order(question: Question, reader: Reader) -> bool:
    query = dict(question.request.query)
    if not question.paged or reader.consistency != "verified" or not ORDER.items() <= query.items():
        return False
    return int(query["page_size"]) >= NEVER_CUT  # in smaller pages one cannot begin anywhere else than at the beginning


def _stamps(plan: Plan) -> Sequence[str]:
    """Return the fields in which rows tell the date that the windows are about."""
    return tuple(ROW_FIELDS.get(column, column) for _, column in plan.fixed) or plan.stamps


def _bounded(question: Question, plan: Plan, part: Part) -> Question:
    written = to_the_second if plan.by_dates else to_the_millisecond
    ends = [(plan.lower, part.since, -INSTANT), (plan.upper, part.until, INSTANT)]
    given = {name: written(at.astimezone(UTC) + more) for name, at, more in ends if name and at}
    return replace(question, request=with_query(question.request, {**given, **dict(plan.fixed)}))


def _within(plan: Plan, part: Part, rows: list[Entity]) -> list[Entity]:
    return [row for row in rows if _is_within(plan, part, row)]


def _is_within(plan: Plan, part: Part, row: Entity) -> bool:
    at = next((at for name in _stamps(plan) if (at := moment_in(row, name))), None)
    if at is None:
        what = f"a row has no date to tell its window by: {', '.join(_stamps(plan))}"
        raise AnswerError(what, "Read the list by ranges of ids, without windows.")
    return (part.since is None or part.since <= at) and (part.until is None or at < part.until)
