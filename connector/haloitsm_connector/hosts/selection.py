"""Which entities are streams where nobody says otherwise: ``selection.json``, written as in the YAML of an incoming.

What is new is asked for by date of change where the list has such a filter (halo-api-facts 2.4), by a field of the rows
where they tell when they changed, and nowhere else: those lists are read whole. Lists that answer no rows without the
record that they belong to are children of its stream (halo-api-facts 2.4 and 4.5).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.errors import InputError
from haloitsm_connector.subscriber.haloitsm import HaloSubscriberFields
from haloitsm_connector.validation import validated

FILE = Path(__file__).with_name("selection.json")
CLIENT = "halo"
"""The name by which the selection knows its client."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")


def selection(
    catalogue: Catalogue, entities: Iterable[str] = (), since: datetime | None = None
) -> dict[str, HaloSubscriberFields]:
    """Return the subscriber of each stream by name: the default ones, and one for each further GET operation.

    A further one is named after its path: ``GET /TicketArea`` is ``ticket_area``. ``since`` is where the first read of
    what is new begins. Raises InputError for an operation that is unknown, is no list, or answers no rows by itself.
    """
    rows: dict[str, dict[str, Any]] = json.loads(FILE.read_text("utf-8"))
    known = {row["entity"] for row in rows.values()}
    for entity in entities:
        operation = catalogue.find(entity, ("GET",))
        if operation.listing is None or operation.path_parameters:
            raise InputError(f"{operation.name} is no list of its own", "Read it by an incoming in a YAML file.")
        if operation.requires:
            hint = f"It needs one of {', '.join(operation.requires)}: read it by an incoming in a YAML file."
            raise InputError(f"{operation.name} answers no rows by itself", hint)
        if operation.name not in known:
            rows[stream_name(operation.path)] = {"entity": operation.name}
    return {name: validated(HaloSubscriberFields, _row(row, since)) for name, row in rows.items()}


def stream_name(path: str) -> str:
    """Return the name of the stream of a path: ``/TicketArea`` is ``ticket_area``."""
    return "_".join(word.lower() for word in _WORDS.findall(path))


def _row(row: Mapping[str, Any], since: datetime | None) -> dict[str, Any]:
    fields = {"client": CLIENT, **row}
    if since is not None and "incremental" in row:
        fields["incremental"] = {**row["incremental"], "since": since}
    return fields
