"""Read what is new on a cluster, a micro-batch at a time; an offset holds the cursor of each thing that is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import orjson
import pyarrow

from haloitsm_connector.arrow import Columns
from haloitsm_connector.assemble import through
from haloitsm_connector.errors import InputError
from haloitsm_connector.hosts.spark.opened import Share, Source, sources
from haloitsm_connector.hosts.spark.reading import arrow
from haloitsm_connector.hosts.spark.told import ToRead
from haloitsm_connector.hosts.streams import stop
from haloitsm_connector.subscriber import Cursor, Slice, Subscriber
from haloitsm_connector.subscriber.cursor import State
from haloitsm_transformers import Entity

Offset = dict[str, str]


@dataclass(frozen=True)
class MicroBatch:
    """Some of what is new, the offset behind it, and whether that was all there was."""

    batches: list[pyarrow.RecordBatch]
    end: Offset
    all: bool


def what_is_new(told: ToRead, start: Offset, kinds: Columns) -> MicroBatch:
    """Read what is new since an offset, about as many rows as a micro-batch may have.

    Its end is the offset itself where nothing is new. EntityError for a record that cannot go on.
    """
    found: list[pyarrow.RecordBatch] = []
    end = dict(start)
    with sources(told, Share(), what_is_new=True) as opened:
        for source in opened.values():
            pages: list[list[Entity]] = []
            rows = sum(batch.num_rows for batch in found)
            for one in _resumable(source).incoming.slices(_cursor(start, source), stop):
                if one.entities:
                    pages.append(one.entities)
                    rows += len(one.entities)
                if one.cursor is not None:
                    end[source.name] = orjson.dumps(one.cursor).decode()
                    if rows >= told.max_rows:
                        break
            found += arrow(pages, source.name, kinds, told.as_json)
            if rows >= told.max_rows:
                return MicroBatch(found, end, False)
    return MicroBatch(found, end if found else start, True)


def what_was_new(told: ToRead, start: Offset, end: Offset, kinds: Columns) -> Iterator[pyarrow.RecordBatch]:
    """Read again what lies between two offsets; what has changed behind the end is left to what comes after."""
    with sources(told, Share(), what_is_new=True) as opened:
        for source in opened.values():
            last = _cursor(end, source)
            if last is not None and end.get(source.name) != start.get(source.name):
                slices = _between(source, _cursor(start, source), last)
                yield from arrow((one.entities for one in slices if one.entities), source.name, kinds, told.as_json)


def _between(source: Source, first: Cursor | None, last: Cursor) -> Iterator[Slice]:
    incoming = source.incoming
    subscriber = incoming.subscriber
    if incoming.parent is not None or not isinstance(subscriber, Subscriber) or subscriber.plan is None:
        return incoming.slices(first, stop)
    end = State.read(last)
    until = end.run.began if end.run else end.read_until
    if until is not None:
        until = min(until, subscriber.plan.until or until)
        subscriber.plan = replace(subscriber.plan, until=until)
    return through(incoming.chain, _up_to(subscriber.slices(first), end), stop)


def _up_to(slices: Iterator[Slice], end: State) -> Iterator[Slice]:
    """Yield slices up to where a run had come that was not over."""
    for one in slices:
        run = State.read(one.cursor).run if one.cursor else None
        if end.run and end.run.id is not None and run and run.id is not None:
            same = (run.window, run.request) == (end.run.window, end.run.request)
            if same and run.id >= end.run.id:
                yield Slice([row for row in one.entities if row["id"] <= end.run.id], one.cursor)
                return
        yield one


def _resumable(source: Source) -> Source:
    if not source.incoming.resumes:
        what = f"'{source.name}' does not read what is new, and a stream goes on from what was read"
        raise InputError(what, "Say how to tell what is new: incremental: {} in its subscriber.")
    return source


def _cursor(offset: Mapping[str, str], source: Source) -> Cursor | None:
    kept = offset.get(source.name)
    cursor: Cursor | None = orjson.loads(kept) if kept else None
    return cursor
