"""A list that moves while it is read, without a socket: what moves, and when, is a value that a seed makes.

Caps are any from ten rows on; while rows move they change between those that Halo has, and reading is begun again in
the middle only under those. The adversary knows the page that is asked for, and how far the reader is; it moves rows
around both. What was announced may be answered at any time before it is asked for, in any order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from random import Random
from typing import Literal

from haloitsm_connector.client.drive import Ahead
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import AnswerError
from haloitsm_connector.subscriber.listing import Page
from haloitsm_connector.subscriber.paging import CAPS
from haloitsm_connector.subscriber.verified import MOST_GROWTH, NEVER_CUT, Reached, Unprovable, read_verified

Kind = Literal["delete", "insert", "swap", "return", "cap"]
Near = Literal["page", "next page", "frontier", "start", "end", "anywhere"]
Count = Literal["right", "absent", "small", "large", "page"]
KINDS: tuple[Kind, ...] = ("delete", "insert", "swap", "return", "cap")
NEARS: tuple[Near, ...] = ("page", "next page", "frontier", "start", "end", "anywhere")
SIZES = (10, 11, 13, 20, 25, 50, 100)
FEW = 3
"""As many moves never make a reader give up."""


@dataclass(frozen=True, slots=True)
class Move:
    """What happens to ``rows`` rows, ``offset`` rows from a place; ``cap`` is the new one of a change of caps."""

    kind: Kind
    near: Near = "page"
    offset: int = 0
    rows: int = 1
    cap: int = 50


@dataclass(frozen=True, slots=True)
class Course:
    """One reading: the list, what is asked for, and what moves before each answer.

    ``moves`` has an entry per answer; the last is not repeated. ``chance`` decides when announced requests are
    answered. ``stops``: after so many pages the reading is broken off and begun again where it was. ``count`` other
    than right or absent is for lists that stand still.
    """

    ids: tuple[int, ...] = ()
    page_size: int = 50
    cap: int = 50
    parallel: int = 1
    limit: int | None = None
    count: Count = "right"
    moves: tuple[tuple[Move, ...], ...] = ()
    chance: int = 0
    stops: tuple[int, ...] = ()

    @classmethod
    def of(cls, seed: int) -> Course:
        """Make the course of a seed."""
        chance = Random(seed)
        cap, parallel = chance.choice(SIZES), chance.choice([1, 1, 2, 4, 8, 16])
        rows = chance.choice(
            [chance.randrange(3), cap - 1, cap, cap + 1, 3 * cap - 1, 5 * cap, 8 * cap, chance.randrange(300)]
        )
        spread = chance.choice([1, 1, 1.05, 2, 4])
        ids = sorted(chance.sample(range(1, int(rows * spread) + 2), rows))
        calm = chance.random() < 0.15
        length = 0 if calm else chance.choice([1, 3, 40, 200])
        often, busy = chance.choice([0.2, 0.5, 1]), chance.choice([1, 2, 5])
        capped = chance.random() < 0.2
        page_size = chance.choice([10, 11, 20, 25, 50, 99, 100, 500, cap])
        known = cap in CAPS or page_size <= cap
        moves = tuple(
            tuple(_move(chance, cap, capped=capped) for _ in range(chance.randint(1, busy)))
            if chance.random() < often
            else ()
            for _ in range(length)
        )
        return cls(
            ids=tuple(ids),
            page_size=page_size,
            cap=cap,
            parallel=parallel,
            limit=chance.choice([*[None] * 6, 1, cap, chance.randrange(1, 300)]),
            count=chance.choice(_counts(known=known) if calm else ["right"] * 4 + ["absent"]),
            moves=moves,
            chance=chance.getrandbits(32),
            stops=tuple(chance.randint(1, 4) for _ in range(chance.choice([0, 0, 1, 3]) if calm or known else 0)),
        )


def _counts(*, known: bool) -> list[Count]:
    """Return what the number of records may be where nothing moves; too small only where the size of pages is known."""
    return ["right", "absent", "large", *(["small", "page"] if known else [])]


def _move(chance: Random, cap: int, *, capped: bool) -> Move:
    weights = (5, 4, 3, 2, 1 if capped else 0)
    rows = chance.choice([1, 1, 1, 2, 3, cap - 1, cap, cap + 1, 2 * cap])
    kind = chance.choices(KINDS, weights)[0]
    return Move(kind, chance.choice(NEARS), chance.randint(-2, 2), rows, chance.choice(sorted(CAPS)))


@dataclass(slots=True)
class Told:
    """What a reading gave, and what there was to be had; ``ending`` says why it ended early."""

    course: Course
    pages: list[list[int]] = field(default_factory=list)
    always: set[int] = field(default_factory=set)
    ever: set[int] = field(default_factory=set)
    asked: int = 0
    shown: int = 0
    moved: int = 0
    ending: Exception | None = None

    @property
    def ids(self) -> list[int]:
        """What was delivered, in order."""
        return [one for page in self.pages for one in page]

    def broken(self) -> list[str]:
        """Say which promises were not kept."""
        ids, found = self.ids, []
        last = ids[-1] if ids else -inf
        whole = not isinstance(self.ending, AnswerError) and (self.course.limit is None or len(ids) < self.course.limit)
        if any(before >= after for before, after in pairwise(ids)):
            found.append("not each once, in the order of ids")
        if missed := sorted(one for one in self.always.difference(ids) if whole or one < last):
            found.append(f"missed {missed[:5]}")
        if set(ids) - self.ever:
            found.append("delivered what never was")
        if self.course.limit is not None and len(ids) > self.course.limit:
            found.append("more than the limit")
        if isinstance(self.ending, Unprovable) and self.shown >= NEVER_CUT:
            found.append("took it for a list that cannot be read in order")
        grown = len(self.ever) / (len(self.course.ids) or 1)
        if isinstance(self.ending, AnswerError) and self.moved <= FEW and grown <= MOST_GROWTH:
            found.append(f"gave up after {self.moved} moves: {self.ending}")
        if not self.moved and not self.course.stops and self.asked > _most(self.course):
            found.append(f"asked {self.asked} times for a list that stood still")
        return found


def _most(course: Course) -> float:
    size = min(course.page_size, course.cap)
    return 1.6 * len(course.ids) / size + course.parallel + 8


class MovingList:
    """The list as its server has it: answers a request after the moves that are due."""

    def __init__(self, course: Course, told: Told) -> None:
        self.course, self.told = course, told
        self.ids = list(course.ids)
        self.gone: list[int] = []
        self.cap = course.cap
        self.chance = Random(course.chance)
        told.always, told.ever = set(course.ids), set(course.ids)

    def page(self, request: Request) -> Page:
        """Answer a request, after what moves before."""
        query = dict(request.query)
        number, size = int(query["page_no"]), int(query["page_size"])
        if 0 < self.told.asked <= len(self.course.moves):
            for move in self.course.moves[self.told.asked - 1]:
                self._make(move, (number - 1) * min(size, self.cap), min(size, self.cap))
        self.told.asked += 1
        size = min(size, self.cap)
        ids = self.ids[(number - 1) * size : number * size]
        self.told.shown = len(ids)
        return Page([{"id": one} for one in ids], self._count(len(ids)))

    def _count(self, shown: int) -> float:
        total = len(self.ids)
        return {"right": total, "absent": 0, "small": max(1, total - 3), "large": total + 3, "page": shown}[
            self.course.count
        ]

    def _make(self, move: Move, start: int, size: int) -> None:
        self.told.moved += 1
        if move.kind == "cap":
            self.cap = move.cap
            return
        place = self._place(move, start, size)
        if move.kind in ("delete", "swap"):
            self._delete(place, move.rows)
        if move.kind in ("insert", "swap"):
            self._insert(place, move.rows)
        if move.kind == "return":
            for one in self.gone[-move.rows :]:
                self._put(one)
            del self.gone[-move.rows :]

    def _place(self, move: Move, start: int, size: int) -> int:
        reached = self.told.pages[-1][-1] if self.told.pages else 0
        places = {
            "page": start,
            "next page": start + size,
            "frontier": bisect_right(self.ids, reached),
            "start": 0,
            "end": len(self.ids),
            "anywhere": self.chance.randint(0, len(self.ids)),
        }
        return min(max(0, places[move.near] + move.offset), len(self.ids))

    def _delete(self, place: int, rows: int) -> None:
        gone = self.ids[place : place + rows]
        del self.ids[place : place + rows]
        self.gone += gone
        self.told.always.difference_update(gone)

    def _insert(self, place: int, rows: int) -> None:
        """Put rows into the holes from a place on, and behind the end when those are full."""
        one = self.ids[place - 1] + 1 if 0 < place <= len(self.ids) else 1
        for _ in range(rows):
            while one in self.told.always or self._has(one):
                one += 1
            self._put(one)

    def _has(self, one: int) -> bool:
        at = bisect_left(self.ids, one)
        return at < len(self.ids) and self.ids[at] == one

    def _put(self, one: int) -> None:
        if not self._has(one):
            insort(self.ids, one)
            self.told.ever.add(one)


def read(course: Course) -> Told:
    """Read a list as the course says, and return what came of it."""
    told = Told(course)
    moving, reached = MovingList(course, told), Reached()
    for pages in (*course.stops, None):
        try:
            if _driven(course, moving, told, reached, pages):
                break
        except (AnswerError, Unprovable) as error:
            told.ending = error
            break
    return told


def _driven(course: Course, moving: MovingList, told: Told, reached: Reached, pages: int | None) -> bool:
    """Drive one reading, for so many pages; return whether it came to its end."""
    answered: dict[int, tuple[Request, Page]] = {}

    def page_of(response: Response) -> Page:
        return answered.pop(int(response.body))[1]

    left = None if course.limit is None else course.limit - len(told.ids)
    if left == 0:
        return True
    reached.yielded = 0
    request = Request("GET", "/Tickets", (("page_size", str(course.page_size)), ("page_no", "1")))
    reading = read_verified(
        request, page_of, page_size=course.page_size, parallel=course.parallel, limit=left, reached=reached
    )
    announced: list[Request] = []
    done: dict[int, Request] = {}
    response: Response | None = None
    try:
        while True:
            item = reading.send(response)
            response = None
            if isinstance(item, Ahead):
                announced = list(item.requests)
            coming = [one for one in announced if id(one) not in answered and id(one) not in done]
            for one in moving.chance.sample(coming, moving.chance.randint(0, len(coming))):
                answered[id(one)] = one, moving.page(one)
            if isinstance(item, Request):
                done[id(item)] = item
                if id(item) not in answered:
                    answered[id(item)] = item, moving.page(item)
                response = Response(200, {}, str(id(item)).encode())
            elif isinstance(item, list):
                told.pages.append([row["id"] for row in item])
                pages = None if pages is None else pages - 1
                if pages == 0:
                    return False
    except StopIteration:
        return True
    finally:
        reading.close()
