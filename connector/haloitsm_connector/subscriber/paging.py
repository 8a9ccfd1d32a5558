"""Read one list to its end, page after page, past everything servers do to page numbers and counts.

What a server says about its pages is a hint. The end is an empty page, or one that only repeats the page before it:
many lists ignore the page number and send the same rows for ever (halo-api-facts 2.1). So is a page
that was there before, and a link that was followed already. The number of records ends the reading a request earlier
where the page just read is not a full one: some servers count the page alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import replace

import orjson

from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import AnswerError
from haloitsm_connector.subscriber.listing import Page
from haloitsm_transformers import Entity

CAPS = frozenset({50, 100})
"""Page sizes above which Halo answers no more, whatever was asked for (halo-api-facts 2.1)."""

Read = Callable[[Response], Page]
Next = Callable[[Request, Response, int], Request | None]
"""Makes the request for the next page out of the last one, its answer and the number of entities read so far."""
Reading = Generator[Request | list[Entity], Response | None, int]
"""A flow of pages that returns the number of entities it has yielded."""


def read_once(request: Request, read: Read, limit: int | None = None) -> Reading:
    """Send one request and yield its entities, at most ``limit``."""
    rows = read(_answer((yield request))).rows[:limit]
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
) -> Reading:
    """Send a request and those that ``advance`` makes after it; yield the entities of each, at most ``limit`` in all.

    ``key`` names the fields that identify an entity, ``page_size`` is the number of entities asked for per page. An
    empty page ends the reading unless ``empty_is_last`` is false: then only ``advance`` does.
    """
    seen = 0
    before: set[Hashable] = set()
    done: set[int] = set()  # numbers for the requests sent and the pages read, so that memory stays flat
    following: Request | None = request
    while following is not None and hash(following) not in done and (limit is None or seen < limit):
        response = _answer((yield following))
        page = read(response)
        here = identities(page.rows, key)
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
        following = advance(following, response, seen)
    return seen


def identities(rows: Sequence[Entity], key: Sequence[str]) -> set[Hashable]:
    """Return what tells the rows of a page apart: their key fields or, where those do not, their whole content."""
    keys = {tuple(row.get(name) for name in key) for row in rows if all(_is_key(row.get(name)) for name in key)}
    if key and len(keys) == len(rows):
        return set(keys)
    try:
        return {orjson.dumps(row, option=orjson.OPT_SORT_KEYS) for row in rows}
    except orjson.JSONEncodeError as error:
        raise AnswerError(f"an entity in the answer cannot be handled: {error}") from error


def _is_key(value: object) -> bool:
    return isinstance(value, str | int | float)


def with_query(request: Request, name: str, value: object) -> Request:
    """Return the request with one query parameter set, in the place it had."""
    pairs = dict(request.query) | {name: str(value)}
    return replace(request, query=tuple(pairs.items()))


def _answer(response: Response | None) -> Response:
    assert response is not None, "a flow is sent a response for every request"
    return response
