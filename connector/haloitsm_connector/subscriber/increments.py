"""Read what is new in a list, slice by slice, from a cursor on.

A run begins at the time until which the run before has read, less an overlap, and notes its own beginning: the clock
of Halo, as the first answer tells it. Both stay what they are until the run is over, however often it is interrupted.
What changes while it reads has changed after its beginning, so the next run finds it. What the overlap brings again is
told by the key and the content of the rows. See docs/adr/0015.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

from haloitsm_connector.client.drive import Flow
from haloitsm_connector.client.request import Response
from haloitsm_connector.errors import AnswerError
from haloitsm_connector.subscriber.base import Cursor, Slice
from haloitsm_connector.subscriber.cursor import Rows, State, Underway, mark
from haloitsm_connector.subscriber.incremental import Plan
from haloitsm_connector.subscriber.keys import Ids
from haloitsm_connector.subscriber.moments import seconds_ahead, time_there, to_the_millisecond, to_the_second
from haloitsm_connector.subscriber.paging import sifted, with_query
from haloitsm_connector.subscriber.reader import Question, Reader
from haloitsm_connector.subscriber.verified import Reached
from haloitsm_transformers import Entity

LOGGER = logging.getLogger("haloitsm.subscriber")
DELETED = "_deleted"
"""The field that marks a record which is gone."""
GONE_PER_SLICE = 500
NOTABLE_SECONDS = 30
"""A difference between Halo's clock and ours that is worth telling."""
_INSTANT = timedelta(seconds=1)
_DAY = timedelta(days=1)

Questions = Callable[[], Iterable[Question]]
"""Makes the requests of one run, without dates."""


def read_increments(reader: Reader, plan: Plan, questions: Questions, of: str, cursor: Cursor | None) -> Flow[Slice]:
    """Yield what is new since a cursor, which was made for the same ``of``; everything without one.

    A cursor of a run that was interrupted is read to the end of that run, and then to the present. Raises InputError
    for a cursor that is none, and AnswerError where Halo does not say what time it is.
    """
    state = State.read(cursor or {})
    if state.of not in ("", of):
        LOGGER.warning(
            "%s is read anew: its cursor was made for another Halo or other request parameters", reader.operation.name
        )
        state = State()
    state.of = of
    interrupted = state.run is not None
    yield from _Run(reader, plan, questions, state).flow()
    if interrupted:
        yield from _Run(reader, plan, questions, state).flow()


@dataclass(slots=True)
class _Run:
    reader: Reader
    plan: Plan
    questions: Questions
    state: State
    known: Ids | None = None
    rows: Rows = field(init=False)
    run: Underway = field(init=False)

    def flow(self) -> Flow[Slice]:
        state, until = self.state, self.plan.until
        if until and state.read_until and state.read_until >= until:
            return
        begins = state.run is None
        self.run = state.run = state.run or Underway(since=self._since())
        self.rows = Rows(state.rows, self.run.rows, self.reader.operation.key)
        if begins and self._sweep_is_due():
            yield from self._sweep()
        if self.plan.sweep is not None:
            self.known = state.known()
        yield from self._windows()
        if self.run.began is None:  # nothing was asked, so nothing is known
            state.run = None
            return
        state.read_until = min(self.run.began, until or self.run.began)
        state.rows, state.run = self.run.rows, None
        yield [Slice([], state.cursor())]

    def _since(self) -> datetime | None:
        return self.state.read_until - self.plan.back if self.state.read_until else self.plan.since

    def _windows(self) -> Flow[Slice]:
        while True:
            lower = self.run.window or self.run.since
            upper = self._upper(lower)
            yield from self._window(lower, upper)
            if upper is None or self.run.began is None or upper >= self._end(self.run.began):
                return
            self.run.window = upper - _INSTANT  # whichever end of a window Halo counts in
            self.run.request, self.run.id, self.run.position = "", None, 0
            yield [Slice([], self.state.cursor())]

    def _upper(self, lower: datetime | None) -> datetime | None:
        """Return the end of a window; None where it needs none, because nothing lies in the future."""
        plan, end = self.plan, None
        if lower and plan.window:
            end = lower + plan.window
        elif lower and plan.by_dates:  # before the first answer a guess, which only says how far to look at once
            now = self.run.began or max(datetime.now(UTC), self.state.read_until or lower)
            end = max(lower, now) + plan.ahead + _DAY
        return min(end or plan.until, plan.until) if plan.until else end

    def _end(self, began: datetime) -> datetime:
        return self.plan.until or began + self.plan.ahead

    def _window(self, lower: datetime | None, upper: datetime | None) -> Flow[Slice]:
        questions = list(self.questions())
        marks = [mark(question.request.target) for question in questions]
        start, reached = 0, Reached()
        if self.run.request in marks:
            start, reached = marks.index(self.run.request), Reached(self.run.id, self.run.position)
        for question, self.run.request in islice(zip(questions, marks, strict=True), start, None):
            bounded = self._bounded(question, lower, upper)
            reading = self.reader.read(bounded, reached=reached, note=self._note)
            yield from sifted(reading, partial(self._slice, reached=reached, upper=upper))
            reached = Reached()

    def _bounded(self, question: Question, lower: datetime | None, upper: datetime | None) -> Question:
        plan, request = self.plan, question.request
        if plan.lower is None or (lower is None and upper is None):
            return question
        written = to_the_second if plan.by_dates else to_the_millisecond
        bounds = [(plan.lower, lower and written(lower)), (plan.upper, upper and written(upper)), *plan.fixed]
        given = {name: value for name, value in bounds if name and value}
        return replace(question, request=with_query(request, given))

    def _note(self, response: Response) -> None:
        """Take the time of the first answer as the beginning of the run."""
        if self.run.began is not None:
            return
        self.run.began = time_there(response, not_before=self.state.read_until)
        ahead = self.state.seconds_ahead = seconds_ahead(self.run.began, response)
        if abs(ahead) >= NOTABLE_SECONDS:
            words = f"{abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} the one here"
            LOGGER.warning("the clock of %s is %s; reading goes by Halo's own", response.url.split("?")[0], words)

    def _slice(self, rows: list[Entity], *, reached: Reached, upper: datetime | None) -> list[Slice]:
        self.run.id, self.run.position = reached.id, reached.position
        new = [row for row in rows if self._is_new(row, upper)]
        if self.known is not None:
            self._add(new, self.known)
        return [Slice(new, self.state.cursor())]

    def _is_new(self, row: Entity, upper: datetime | None) -> bool:
        plan, began = self.plan, self.run.began
        assert began
        at = plan.stamp(row)
        if plan.lower is None and at and not (self.run.since or at) <= at <= (plan.until or at):
            return False
        latest = began - plan.back if upper is None else min(began - plan.back, upper - _INSTANT)
        again = plan.by_dates or (at is not None and at >= latest)
        return self.rows.is_new(row, comes_again=again)

    def _add(self, rows: list[Entity], known: Ids) -> None:
        """Note the records that were not there at the last sweep, so that the next one knows when they are gone."""
        ids = {one for row in rows if isinstance(one := row.get("id"), int) and one not in known}
        self.state.new_ids += sorted(ids.difference(self.state.new_ids))

    def _sweep_is_due(self) -> bool:
        sweep, last = self.plan.sweep, self.state.swept
        return sweep is not None and (last is None or datetime.now(UTC) - last >= sweep)

    def _sweep(self) -> Flow[Slice]:
        """Read which records there are; yield those that were there and are not any more."""
        found: list[int] = []

        def gather(rows: list[Entity]) -> list[Slice]:
            ids = [row.get("id") for row in rows]
            if not all(isinstance(each, int) for each in ids):
                raise AnswerError(f"{self.reader.operation.name} has rows whose id is no number")
            found.extend(ids)  # type: ignore[arg-type]
            return []

        for question in self.questions():
            yield from sifted(self.reader.read(question, note=self._note, proven=True), gather)
        if self.run.began is None:
            return
        there = Ids(found)
        gone = (one for one in self.state.known() if one not in there)
        while page := list(islice(gone, GONE_PER_SLICE)):
            for one in page:
                self.rows.forget(str(one))
            yield [Slice([{"id": one, DELETED: True} for one in page])]
        self.state.ids, self.state.new_ids, self.state.swept = there.written(), [], datetime.now(UTC)
        yield [Slice([], self.state.cursor())]
