"""Read a list to its end, and miss nothing although it changes meanwhile.

A page of a list that is ordered by id is a picture of all its records from one id to another, at one instant. Reading
keeps a frontier: every record up to that id which was there all the time has been yielded. A page connects to it when
it begins at or before the frontier, or at the id right behind it: then no record can stand between them. Its rows
behind the frontier are new, whatever they are, and none of the others is; so nothing is skipped, nothing comes twice,
and nothing has to be remembered but one id. A page that does not connect shows that rows have moved: the rows before
it are asked for until it does. See docs/adr/0007.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, pairwise
from math import ceil, inf
from operator import lt

from haloitsm_connector.client.drive import Ahead
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import AnswerError, ConnectorError
from haloitsm_connector.subscriber.listing import Page
from haloitsm_connector.subscriber.paging import CAPS, Read, Reading, answer_of, with_query
from haloitsm_connector.subscriber.windows import Window, backward, forward
from haloitsm_transformers import Entity

MOST_TRIES = 25
"""Pages in a row that may bring nothing new before a list counts as moving too fast."""
MOST_GROWTH = 4
"""How many times the pages of the list as it was at first may be asked for."""
NEVER_CUT = 10
"""Rows that a server which gave as many before gives in any page; no cap below 50 is known (halo-api-facts 2.1)."""
MOST_PROBES = 3
"""Pages in a row without a new record after which a server is taken to give hardly any rows in a page."""
SECOND = Window(2, NEVER_CUT)
"""The page that shows whether a list goes on of which only one or two rows were seen."""
DENSE = 0.1
"""Share of ids with another one missing behind them up to which asking again, where a page does not connect, costs
fewer requests than overlapping all pages."""
READ_AHEAD = 2
"""How many times the pages under way are announced, so that as many are under way while answers wait to be read."""
MEANWHILE = 500
"""Rows of pages ahead that are decoded while a page is asked for again, so that the wait is of use: 4 MB of tickets."""


class Unprovable(Exception):  # noqa: N818 - caught by the reader, never seen by a user
    """The list is not one whose pages can be connected: it has other ids, another order, or pages of fixed size."""


@dataclass(slots=True)
class Reached:
    """How far a read is: records up to ``id`` are done, and the next one was the ``position``-th, counted from 0.

    A read that starts with it goes on there. ``position`` is a guess that only saves requests.
    """

    id: int | None = None
    position: int = 0
    yielded: int = 0

    def unread(self, rows: list[Entity]) -> list[Entity]:
        """Return the rows that were not read yet."""
        known = self.id
        return rows if known is None else [row for row in rows if not isinstance(row["id"], int) or row["id"] > known]


@dataclass(frozen=True, slots=True)
class _Picture:
    """What one page showed: its rows in order, with their ids, and the number of records that the answer told.

    ``whole``: it is so small that it was not cut.
    """

    window: Window
    ids: list[int]
    rows: list[Entity]
    total: float
    whole: bool

    @property
    def offset(self) -> int:
        """Where it begins. A server that cuts its pages counts them by what it gives (halo-api-facts 2.1)."""
        return (self.window.number - 1) * len(self.rows) if self.seems_cut else self.window.offset

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.offset + len(self.rows)

    @property
    def seems_cut(self) -> bool:
        """Whether it has fewer rows than were asked for although more should be there; the number may be wrong."""
        more = self.total > self.window.offset + len(self.rows) > self.window.offset
        return self.short and more and not self.whole

    @property
    def short(self) -> bool:
        """Whether it has fewer rows than were asked for."""
        return len(self.rows) < self.window.size


def read_verified(
    request: Request,
    read: Read,
    *,
    page_size: int,
    parallel: int = 1,
    limit: int | None = None,
    reached: Reached | None = None,
) -> Reading:
    """Yield every record that is in the list all the time exactly once, in the order of ids, at most ``limit``.

    The request asks for that order, and for pages of ``page_size``.
    ``parallel`` pages are under way at a time. ``reached`` says where to begin and is kept up to date. Raises
    AnswerError when the list moves faster than it can be read, and `Unprovable`, before anything was yielded or at
    a place that ``reached`` tells, for a list that cannot be read like this.
    """
    return (yield from _Course(request, read, page_size, page_size, parallel, limit, reached or Reached()).run())


@dataclass(slots=True)
class _Course:
    request: Request
    read: Read
    page_size: int  # as the user wants it
    size: int  # as it is asked for
    parallel: int
    limit: int | None
    reached: Reached
    proven: int = 0  # the most rows that one page had: a page of no more rows is not cut
    total: float = 0
    overlap: int = 1
    first_ids: list[int] = field(default_factory=list)
    idle: int = 0  # pages in a row that brought nothing new
    asked: int = 0
    most_asked: float = inf
    complete: bool = False
    ahead: deque[tuple[Window, Request]] = field(default_factory=deque)
    replanned: bool = False  # whether it is other than what was announced
    decoded: dict[int, Page | ConnectorError] = field(default_factory=dict)  # ahead, by the identity of the request
    row: int = 0  # the first row that was not shown yet, as far as is known
    back: bool = False  # whether to look before that row rather than behind it
    cut_to: int = 0  # the rows of a page that was cut, or of the last one
    small: bool = False  # whether to look with a page so small that it is never cut

    def run(self) -> Reading:
        self.row = max(0, self.reached.position - NEVER_CUT)  # so many known rows show what a page can hold
        while not self.complete:
            held = [(yield from self._picture(*self._planned()))]
            while held and not self.complete:
                if not self._connects(held[-1]):
                    held.append((yield from self._picture(*self._nearby())))
                elif rows := self._taken(held.pop()):
                    yield rows
        return self.reached.yielded

    def _picture(self, window: Window, request: Request) -> Generator[Request | Ahead, Response | None, _Picture]:
        """Ask for a page, and check its order and what it tells of the list."""
        self.asked += 1
        if self.idle > MOST_TRIES or self.asked > self.most_asked:
            raise self._moving()
        page = yield from self._page(request)
        ids = _ids(page.rows)
        if ids is None:
            raise self._unordered() if self.reached.yielded else Unprovable
        picture = _Picture(window, ids, page.rows, page.total, window.size <= min(self.proven, NEVER_CUT))
        self.total = page.total
        if self.asked == 1:
            self._meet(picture)
        else:
            self._mind_size(picture)
        if picture.rows and picture.total < picture.end:
            self.most_asked = inf  # it is not the number of all records
        self._prove(picture)
        if not self._connects(picture):
            self.row, self.back = picture.offset, True
            self.idle += 1
        return picture

    def _page(self, request: Request) -> Generator[Request | Ahead, Response | None, Page]:
        """Ask for a page; while one that is asked for again is waited for, those ahead are decoded."""
        if known := self.decoded.pop(id(request), None):
            yield from self._announced()
            if isinstance(known, ConnectorError):
                raise known
            return known
        yield from self._announced(request)
        if self.back:
            for _, each in [*islice(self.ahead, ceil(MEANWHILE / self.size))]:
                if id(each) not in self.decoded:
                    try:
                        self.decoded[id(each)] = self.read(answer_of((yield each)))
                    except ConnectorError as error:  # raised when it is that page's turn
                        self.decoded[id(each)] = error
                        break
                    self._announce()
                    yield from self._announced(request)
        return self.read(answer_of((yield request)))

    def _announced(self, *next_one: Request) -> Generator[Ahead]:
        if self.replanned:
            self.replanned = False
            ahead = (each for _, each in self.ahead if id(each) not in self.decoded)
            yield Ahead([*next_one, *ahead], self.parallel)

    def _connects(self, picture: _Picture) -> bool:
        """Whether no record can stand between what was read and this page."""
        known = self.reached.id
        return not picture.offset or not picture.ids or (known is not None and picture.ids[0] <= known + 1)

    def _meet(self, picture: _Picture) -> None:
        ids = picture.ids
        self.first_ids = ids if picture.window.number == 1 else []
        holes = sum(after - before > 1 for before, after in pairwise(ids))
        self.overlap = int(holes > DENSE * len(ids))
        if picture.total:
            self.most_asked = MOST_TRIES + MOST_GROWTH * picture.total / (len(ids) or 1)

    def _mind_size(self, picture: _Picture) -> None:
        """See whether the server keeps to the size asked for; some do not page at all (halo-api-facts 2.1)."""
        more = len(picture.rows) > picture.window.size
        if picture.window.number > 1 and picture.ids and self.first_ids == picture.ids:
            # As many new records before the first one would look the same once, though not in a page that is too long.
            if more or self.idle:
                self._all_was_shown(picture)
        elif more:
            raise Unprovable

    def _prove(self, picture: _Picture) -> None:
        """Learn what a page can hold: what one held, or ten rows where a list with fewer has no second page of ten."""
        none_there = picture.window == SECOND and not picture.rows
        self.proven = max(self.proven, NEVER_CUT if none_there else len(picture.rows))

    def _all_was_shown(self, picture: _Picture) -> None:
        if picture.total > len(picture.rows):
            what = f"the list shows the same {len(picture.rows)} of its {picture.total:g} records on every page"
            raise AnswerError(what, "Ask for all of them at once with `query: {count: 100000}`.")
        self.complete = True

    def _taken(self, picture: _Picture) -> list[Entity]:
        """Return what is new in a page that connects, move the frontier, and say what to look at next."""
        reached, ids = self.reached, picture.ids
        start = 0 if reached.id is None else bisect_right(ids, reached.id)
        rows = picture.rows[start:] if start else picture.rows
        self.idle = 0 if rows else self.idle + 1
        if not picture.rows:
            self._beyond(picture)
            return []
        self.complete = self.complete or self._is_tail(picture, len(rows))
        self._find_row(picture, len(rows))
        reached.position = self.row
        self.back = False
        if not self.complete:
            self._find_size(picture, len(rows))
        if self.limit is not None and reached.yielded + len(rows) >= self.limit:
            rows, self.complete = rows[: self.limit - reached.yielded], True
        if rows:
            reached.id = rows[-1]["id"]
        reached.yielded += len(rows)
        return rows

    def _find_row(self, picture: _Picture, new: int) -> None:
        if picture.seems_cut:
            self.row += new
        elif new or picture.ids[-1] == self.reached.id:
            self.row = max(picture.end, 1)
        else:
            self.row = max(picture.end, self.row)

    def _find_size(self, picture: _Picture, new: int) -> None:
        """Learn from a page with fewer rows than were asked for: pages are cut, or one so small shows the end."""
        looking, self.small = self.small, picture.short and not (new and picture.seems_cut)
        if picture.short:
            self._forget_plan()
        if picture.short and not looking:
            self.cut_to = len(picture.rows)
        if (looking and (new or not picture.short)) or (new and picture.seems_cut):
            self.size = max(self.cut_to, min(self.proven, NEVER_CUT))

    def _is_tail(self, picture: _Picture, new: int) -> bool:
        """Whether no record stood behind this page when it was made.

        A page with fewer rows than were asked for may as well have been cut, unless it is very small.
        """
        if not picture.short:
            return False
        if picture.whole:
            return True
        counted = 0 < picture.total <= min(picture.offset + len(picture.rows), self.row + new)
        telling = picture.window.number == 1 or new > 0 or picture.ids[-1] == self.reached.id
        return telling and counted and len(picture.rows) not in {self.cut_to, *CAPS}

    def _beyond(self, picture: _Picture) -> None:
        """Go back from a page behind the end: the rows before it may be others than they were."""
        if picture.window.number == 1:
            self.complete = True
            return
        self.row, self.back = picture.window.offset, True
        if 0 < picture.total < self.row:
            self.row = int(picture.total)
        self._forget_plan()

    def _planned(self) -> tuple[Window, Request]:
        if self.back or self.small or not self.asked:
            return self._nearby()
        self._announce()
        return self.ahead.popleft()

    def _nearby(self) -> tuple[Window, Request]:
        if self.back:  # mostly no record stands there at all, which a few rows show as well as a page
            return self._request(partial(_before, self.row, few=self.idle == 1))
        return self._request(partial(forward, self.row, overlap=min(1, self.row)))

    def _forget_plan(self) -> None:
        self.replanned = self.replanned or bool(self.ahead)
        self.ahead.clear()
        self.decoded.clear()

    def _announce(self) -> None:
        end = self.ahead[-1][0].end if self.ahead else self.row
        wanted = self.total if self.limit is None else min(self.total, self.row + self.limit - self.reached.yielded)
        # What is behind a list of full pages has to be looked at as well: together with them, not after them.
        most = READ_AHEAD * self.parallel + len(self.decoded)
        while not self.ahead or (len(self.ahead) < most and (end < wanted or end == self.total)):
            self.ahead.append(self._request(partial(forward, end, overlap=self.overlap if end < self.total else 1)))
            self.replanned = True
            end = self.ahead[-1][0].end

    def _request(self, window_of: Callable[[int], Window | None]) -> tuple[Window, Request]:
        window = window_of(min(self.size, self.proven, NEVER_CUT) if self.small else self.size)
        if window is None and (window := window_of(self.proven)):
            self.size = self.proven  # pages so small show too little; larger ones have been seen
        window = window or self._probe()
        return window, with_query(self.request, {"page_size": window.size, "page_no": window.number})

    def _probe(self) -> Window:
        """Return a page that proves what pages can hold, where those seen had too few rows to go on from."""
        behind = self.row <= NEVER_CUT and not self.back
        window = SECOND if behind else backward(self.row, NEVER_CUT)
        if window is None or self.page_size < NEVER_CUT or self.idle > MOST_PROBES:
            raise Unprovable
        return window

    def _moving(self) -> AnswerError:
        place = "its beginning" if self.reached.id is None else f"id {self.reached.id}"
        what = (
            f"{self.request.path} changes faster than it can be read: behind {place} rows moved between any two answers"
        )
        hint = "Read it at a quieter time, with larger pages, or with `consistency: fast`, which may miss some."
        return AnswerError(f"{what} ({self.reached.yielded} records were read)", hint)

    def _unordered(self) -> AnswerError:
        what = f"{self.request.path} does not keep to the order of ids (behind id {self.reached.id})"
        return AnswerError(what, "Read it with `consistency: fast`.")


def _before(row: int, size: int, *, few: bool) -> Window | None:
    return (backward(row, min(size, NEVER_CUT)) if few else None) or backward(row, size)


def _ids(rows: list[Entity]) -> list[int] | None:
    """Return the ids of rows, None unless they are whole numbers in ascending order."""
    ids = [row.get("id") for row in rows]
    if set(map(type, ids)) - {int} or not all(map(lt, ids, ids[1:])):  # type: ignore[arg-type]
        return None
    return ids  # type: ignore[return-value]
