"""What is to be written, one value per entity, and how several become one request."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from haloitsm_connector.client.request import Request
from haloitsm_connector.publisher.base import Outcome
from haloitsm_connector.publisher.cut import Size
from haloitsm_connector.publisher.once import Wanted
from haloitsm_transformers import Entity


class Write(NamedTuple):
    """One entity's request. Those that ``join`` the same may go in one array; None goes alone.

    ``id`` is that of its record as far as the entity tells it, a list of ids for several. ``record`` is what tells the
    record from others, ``concerns`` all the records it has to do with: it neither overtakes nor is overtaken by another
    write of one of those. ``wanted`` is what to look for before it is created.
    """

    entity: Entity
    request: Request
    id: Any = None
    record: Hashable = None
    concerns: Sequence[Hashable] = ()
    joins: Hashable = None
    wanted: Wanted | None = None

    @property
    def called(self) -> str:
        """Method and path, as an outcome names its request."""
        return f"{self.request.method} {self.request.target}"


def shipments(planned: Iterable[Write | Outcome], size: Size) -> Iterator[list[Write | Outcome]]:
    """Put writes that follow each other together as far as they join, at most ``size.now``, none of one record twice.

    What has its outcome already stays where it stood. An error of ``planned`` is raised after what came before it.
    """
    held: list[Write | Outcome] = []
    joins: Hashable = None
    records: set[Hashable] = set()
    try:
        for one in planned:
            if isinstance(one, Write):
                if held and (one.joins is None or one.joins != joins or one.record in records):
                    yield held
                    held, records = [], set()
                joins = one.joins
                records.add(one.record)
            held.append(one)
            if joins is None or not records or len(held) >= size.now:
                yield held
                held, records, joins = [], set(), None
    except Exception:
        if held:
            yield held
        raise
    if held:
        yield held


def joined(writes: Sequence[Write], *, all_answers: bool) -> Request:
    """Return the one request that carries out several writes; ``all_answers`` asks Halo for every record.

    Without it Halo answers the last one only (halo-api-facts 4.1).
    """
    first = writes[0].request
    if len(writes) == 1:
        return first
    query = tuple((dict(first.query) | ({"returnall": "true"} if all_answers else {})).items())
    payload = [record for write in writes for record in write.request.payload]
    return first._replace(query=query, payload=payload)
