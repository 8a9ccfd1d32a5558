"""Read one list to its end, page after page, past everything servers do to page numbers and counts.

What a server says about its pages is a hint. The end is an empty page, or one that only repeats the page before it:
many lists ignore the page number and send the same rows for ever (halo-api-facts 2.1). So is a page
that was there before, and a link that was followed already. The number of records ends the reading a request earlier
where the page just read is not a full one: some servers count the page alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence, Set
from functools import partial
from typing import Any, TypeVar

import orjson

from haloitsm_connector.client.drive import Ahead, Pause
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import AnswerError, ConnectorError
from haloitsm_connector.subscriber.listing import Page
from haloitsm_transformers import Entity

CAPS = frozenset({50, 100})
"""Page sizes above which Halo answers no more, whatever was asked for (halo-api-facts 2.1)."""

_KEYS = {str, int, float}
Given = TypeVar("Given")
Made = TypeVar("Made")
Read = Callable[[Response], Page]
Next = Callable[[Request, Response, int], Request | None]
"""Makes the request for the next page out of the last one, its answer and the number of entities read so far."""
Reading = Generator[Request | Ahead | Pause | list[Entity], Response | None, int]
"""A flow of pages that returns the number of entities it has yielded."""


def read_once(request: Request, read: Read, limit: int | None = None) -> Reading:
    """Send one request and yield its entities, at most ``limit``."""
    rows = read(answer_of((yield request))).rows[:limit]
    if rows:
        yield rows
    return len(rows)


def read_pages(
    request: Request,
    read: Read,
    advance: Next,
    *,
    key: Sequence[str] = ("id",),
    page_size: int | None = None,
    empty_is_last: bool = True,
    limit: int | None = None,
    parallel: int = 1,
) -> Reading:
    """Send a request and those that ``advance`` makes after it; yield the entities of each, at most ``limit`` in all.

    ``key`` names the fields that identify an entity, ``page_size`` is the number of entities asked for per page. An
    empty page ends the reading unless ``empty_is_last`` is false: then only ``advance`` does. More than one page is
    under way, ``parallel`` of them, where the number of records says how many there are and ``advance`` needs no answer
    to tell what comes next.
    """
    seen = 0
    before: Set[Hashable] = frozenset()
    done: set[int] = set()  # numbers for the requests sent and the pages read, so that memory stays flat
    coming: deque[Request] = deque([request])
    while coming and hash(coming[0]) not in done and (limit is None or seen < limit):
        if len(coming) > 1:
            yield Ahead(list(coming))
        following = coming.popleft()
        response = answer_of((yield following))
        page = read(response)
        here = told_apart(page.rows, key).keys()
        mark = hash(frozenset(here))
        if (here <= before or (key and mark in done)) and (here or empty_is_last):
            break
        done |= {hash(following), mark}
        rows = page.rows if limit is None else page.rows[: limit - seen]
        if rows:
            yield rows
        seen += len(rows)
        if 0 < page.total <= seen and len(page.rows) not in {page_size, *CAPS}:
            break
        before = here
        last = coming[-1] if coming else following
        wanted = page.total if limit is None else min(page.total, limit)
        while not coming or (len(coming) < parallel and seen + len(coming) * len(rows) < wanted):
            following_last = advance(last, response, seen)
            if following_last is None:
                break
            coming.append(last := following_last)
    return seen


def told_apart(rows: Sequence[Entity], key: Sequence[str]) -> dict[Hashable, Entity]:
    """Return the rows by what tells them apart: their key fields or, where those do not, their whole content."""
    columns = [[row.get(name) for row in rows] for name in key]
    # 0 stands for no record (halo-api-facts 4.1).
    if columns and all(set(map(type, column)) <= _KEYS and all(column) for column in columns):
        keyed: dict[Hashable, Entity] = dict(zip(zip(*columns, strict=True), rows, strict=True))
        if len(keyed) == len(rows):
            return keyed
    try:
        return {orjson.dumps(row, option=orjson.OPT_SORT_KEYS): row for row in rows}
    except orjson.JSONEncodeError as error:
        raise AnswerError(f"an entity in the answer cannot be handled: {error}") from error


def sifted(
    reading: Generator[Request | Ahead | Pause | list[Given], Response | None, Any],
    sift: Callable[[list[Given]], list[Made]],
    limit: int | None = None,
) -> Generator[Request | Ahead | Pause | list[Made], Response | None, int]:
    """Do what a reading does, with every page replaced by what ``sift`` makes of it; at most ``limit`` in all."""
    count, step = 0, partial(next, reading)
    while limit is None or count < limit:
        try:
            item = step()
        except StopIteration:
            break
        if isinstance(item, list):
            page = sift(item)[: None if limit is None else limit - count]
            count += len(page)
            if page:
                yield page
            step = partial(next, reading)
            continue
        try:
            step = partial(reading.send, (yield item))
        except ConnectorError as error:
            step = partial(reading.throw, error)
    return count


def with_query(request: Request, values: Mapping[str, object]) -> Request:
    """Return the request with these query parameters set, each in the place it had."""
    pairs = dict(request.query) | {name: str(value) for name, value in values.items()}
    return request._replace(query=tuple(pairs.items()))


def answer_of(response: Response | None) -> Response:
    """Return what a flow was sent for a request."""
    assert response is not None, "a flow is sent a response for every request"
    return response
