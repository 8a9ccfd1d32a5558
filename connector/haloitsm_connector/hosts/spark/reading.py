"""Read on a cluster: what there is to read in partitions, and one of them as Arrow."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from haloitsm_connector.arrow import Columns, record_batches
from haloitsm_connector.assemble import Incoming, through
from haloitsm_connector.errors import InputError
from haloitsm_connector.hosts.spark.opened import Share, Source, budget, sources
from haloitsm_connector.hosts.spark.told import ToRead
from haloitsm_connector.hosts.streams import stop
from haloitsm_connector.subscriber import Slice, Subscriber
from haloitsm_connector.subscriber.incremental import CHANGED, CHANGES
from haloitsm_connector.subscriber.moments import to_the_millisecond
from haloitsm_connector.subscriber.parts import Part
from haloitsm_transformers import Entity

if TYPE_CHECKING:
    import pyarrow

SOURCE = "_source"
"""The column that says what a row was read from, where several things are read."""
ENTITY = "entity"
"""The column that holds a record as JSON."""
WHOLE = frozenset({"deduplicate", "limit", "once_per_run"})
"""Steps that do not hold entities back and yet are about all of them."""
MARGIN = timedelta(minutes=5)
"""How much earlier a list is asked for than a filter says, since clocks differ; Spark filters the rows again."""


@dataclass(frozen=True)
class Narrowed:
    """What filters leave to be read: query parameters, and ids from ``first`` to ``last``."""

    query: Mapping[str, str] = field(default_factory=dict)
    first: int | None = None
    last: int | None = None

    def taken(self, part: Part) -> Part | None:
        """Return what is left of a part, None for nothing."""
        after = one_of(max, part.after, None if self.first is None else self.first - 1)
        last = one_of(min, part.last, self.last)
        if after is not None and last is not None and after >= last:
            return None
        return replace(part, after=after, last=last, position=part.position if after == part.after else 0)


def one_of(choose: Callable[[list[int]], int], *ids: int | None) -> int | None:
    """Choose one of the ids that are there, None where none is."""
    known = [one for one in ids if one is not None]
    return choose(known) if known else None


@dataclass(frozen=True)
class Piece:
    """One partition: parts of sources, by name, that are read one after the other; and its share of the budgets.

    No part (None) is all of a source.
    """

    parts: tuple[tuple[str, Part | None], ...]
    share: Share


def columns(told: ToRead) -> Columns:
    """Return the columns of what is read, with their types in the catalogue's words; text where sources differ."""
    with sources(told, Share()) as found:
        first = {SOURCE: "string"} if len(found) > 1 else {}
        if told.as_json:
            return {**first, ENTITY: "string"}
        made: dict[str, str] = {}
        for source in found.values():
            for name, schema in source.stream.schema["properties"].items():
                kind = _kind(schema)
                made[name] = kind if made.get(name, kind) == kind else "string"
        if not made:
            raise InputError("nothing tells which columns there are: no record came", "Name them: .schema('id long').")
        return {**first, **made}


def pieces(told: ToRead, narrowed: Narrowed) -> list[Piece]:
    """Divide what is to be read; every record that is there all the time is in one piece of its list.

    A tenant that has a budget is asked by no more pieces than run at once, so that all of them together keep to it, on
    whichever machines they run.
    """
    parts: dict[str, list[tuple[str, Part | None]]] = {}
    limits: dict[str, int] = {}
    with sources(told, Share()) as found:
        for source in found.values():
            parts.setdefault(source.tenant, []).extend((source.name, one) for one in _parts(told, source, narrowed))
            limits[source.tenant] = told.at_once if source.client and budget(source.client) else sys.maxsize
    among = {tenant: min(len(some), limits[tenant]) for tenant, some in parts.items()}
    return [
        Piece(tuple(some[number :: among[tenant]]), Share(number, among))
        for tenant, some in parts.items()
        for number in range(among[tenant])
    ]


def narrowable(told: ToRead) -> frozenset[str]:
    """Return the fields of rows by which Halo can be asked for fewer: whole numbers that it calls alike, ids, changes.

    Only of an entity: what transformers make of rows need not be what Halo has.
    """
    if not told.entity:
        return frozenset()
    with sources(told, Share()) as found:
        subscriber = next(iter(found.values())).incoming.subscriber
        assert isinstance(subscriber, Subscriber), "an entity is read by one"
        known, parameters = subscriber.columns, subscriber.operation.query_parameters
    names = {one.name for one in parameters if one.type == "integer" and known.get(one.name) == "integer"}
    changed = set(CHANGED) & set(known) if {one.name for one in parameters} >= set(CHANGES) else set()
    given = {name.casefold() for name in told.query}
    return frozenset((names | {"id"}) - given | (changed if given.isdisjoint(CHANGES) else set()))


def changed_since(at: datetime) -> dict[str, str]:
    """Return the query for what changed from a moment on, and a little more."""
    return {CHANGES[0]: to_the_millisecond(at - MARGIN)}


def batches(told: ToRead, narrowed: Narrowed, piece: Piece, kinds: Columns) -> Iterator[pyarrow.RecordBatch]:
    """Read one piece, transform it, and yield a batch for each page. EntityError for a record that cannot go on."""
    with sources(told, piece.share) as found:
        for name, part in piece.parts:
            source = found[name]
            _narrow(source, narrowed)
            parallel = told.parallel or (1 if piece.share.parts_of(source.tenant) > 1 else None)
            pages = (one.entities for one in _slices(source.incoming, part, parallel))
            yield from arrow(pages, name, kinds, told.as_json)


def arrow(pages: Iterable[list[Entity]], source: str, kinds: Columns, as_json: bool) -> Iterator[pyarrow.RecordBatch]:
    """Yield pages as record batches of these columns."""
    made: Iterable[list[Entity]] = pages
    if as_json:
        made = ([{SOURCE: source, ENTITY: orjson.dumps(row).decode()} for row in page] for page in pages)
    elif SOURCE in kinds:
        made = ([{**row, SOURCE: source} for row in page] for page in pages)
    yield from record_batches(made, columns=kinds)


def _slices(incoming: Incoming, part: Part | None, parallel: int | None) -> Iterator[Slice]:
    if part is None:
        return incoming.slices(None, stop)
    subscriber = incoming.subscriber
    assert isinstance(subscriber, Subscriber), "nothing else has parts"
    return through(incoming.chain, map(Slice, subscriber.part_pages(part, parallel)), stop)


def _parts(told: ToRead, source: Source, narrowed: Narrowed) -> list[Part | None]:
    incoming = source.incoming
    subscriber = incoming.subscriber
    about_all = incoming.chain.verbs & WHOLE or incoming.chain.open().holds
    if not isinstance(subscriber, Subscriber) or incoming.parent is not None or about_all:
        return [None]
    _narrow(source, narrowed)
    found = subscriber.parts(told.partitions)
    if len(found) > 1:  # one by itself may be of a list that is in no order
        found = [part for one in found if (part := narrowed.taken(one))] or found[:1]
    return list(found) or [None]


def _narrow(source: Source, narrowed: Narrowed) -> None:
    if narrowed.query and isinstance(source.incoming.subscriber, Subscriber):
        source.incoming.subscriber.query.update(narrowed.query)


def _kind(schema: Mapping[str, Any]) -> str:
    """Return the type of a column in the catalogue's words; what is nested, or has several types, is text."""
    types = set(schema.get("type", ())) - {"null"}
    if schema.get("format") == "date-time" and types == {"string"}:
        return "date-time"
    if types == {"integer", "number"}:
        return "number"
    return next(iter(types)) if len(types) == 1 and types <= {"integer", "number", "boolean"} else "string"
