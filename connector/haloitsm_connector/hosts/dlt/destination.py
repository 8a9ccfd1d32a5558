"""``haloitsm``: a destination that publishes the rows of a pipeline through an outgoing of YAML files."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import dlt
from dlt.common.destination.exceptions import DestinationTerminalException, DestinationTransientException
from dlt.common.storages.load_package import ParsedLoadJobFileName
from dlt.destinations.file_batching import JsonlFileBatchIterator, ParquetFileBatchIterator

from haloitsm_connector.arrow import as_json
from haloitsm_connector.errors import ConnectorError, InputError, StateError, UnreachableError
from haloitsm_connector.hosts.dlt.settings import Files, HaloITSMCredentials, settings_of
from haloitsm_connector.hosts.sink import Sinks
from haloitsm_connector.pipeline import FAILED_STATUSES
from haloitsm_transformers import Entity

LOGGER = logging.getLogger("haloitsm.dlt")
ROWS_AT_A_TIME = 1_000
_VARIANT = re.compile(r"(__|▶)v_\w+$")
"""What dlt appends to a column's name for the values that are of another type than the others."""
NAMED = 10
"""How many of the rows that were not published are named in the error; the log names all."""


@dlt.destination(
    name="haloitsm",
    batch_size=0,  # a whole file at a time: when a load is cut off, dlt hands over the same file again
    loader_file_format="typed-jsonl",
    max_parallel_load_jobs=1,  # an outgoing has its own parallelism, within the budget of the tenant
)
def haloitsm(
    items: str,
    table: Mapping[str, Any],
    credentials: HaloITSMCredentials | None = None,
    config: Files = None,
    outgoing: str | None = None,
    on_failed: str = "stop",
) -> None:
    """Publish the rows of tables through outgoing of YAML files (``config``): those of their names, or ``outgoing``.

    Where a row is not published, the others are, and then the load job fails terminally and names it; with ``log`` as
    ``on_failed`` the log names it and the job is done. Creates stay on record until the load package is done with.
    """
    with _in_words_of_dlt(), Sinks(settings_of(credentials, config)) as sinks:
        if on_failed not in ("stop", "log"):
            raise InputError("on_failed is 'stop' or 'log'")
        if not isinstance(items, str):
            raise InputError(
                "batch_size is 0 for this destination", "Leave it out: rows are published by the thousand."
            )
        loads = f"dlt {dlt.current.pipeline().working_dir} load "
        this_load = f"{loads}{dlt.current.load_package_state()['load_id']} "
        sinks.forget(loads, but=this_load)  # dlt goes on to a package only when it is done with those before
        sink = sinks.open(outgoing or table["name"], this_load + ParsedLoadJobFileName.parse(items).job_id())
        outcomes = chain.from_iterable(map(sink.send, _read(items, table)))
        bad = [f"{one.status}: {one.reason}" for one in outcomes if one.status in FAILED_STATUSES]
        for one in bad:
            LOGGER.error("%s: a row %s", table["name"], one)
        if bad and on_failed == "stop":
            raise DestinationTerminalException(
                f"{len(bad)} rows of '{table['name']}' not published: {'; '.join(bad[:NAMED])}"
            )


def _read(file: str, table: Mapping[str, Any]) -> Iterator[list[Entity]]:
    """Yield the rows of a load file as dlt got them, some at a time."""
    columns = list(table["columns"])
    if file.endswith(".parquet"):
        batches = (batch.to_pylist() for batch in ParquetFileBatchIterator(file, ROWS_AT_A_TIME, 0, columns))
    else:
        batches = iter(JsonlFileBatchIterator(file, ROWS_AT_A_TIME, 0, columns))
    variants = {name: _VARIANT.sub("", name) for name, column in table["columns"].items() if column.get("variant")}
    for batch in batches:
        yield [_as_it_was(row, variants) for row in batch]


def _as_it_was(row: Entity, variants: Mapping[str, str]) -> Entity:
    """Return a row as JSON, with the values of variant columns where they came from."""
    made = {name: as_json(value) for name, value in row.items() if name not in variants}
    there = {variants[name]: as_json(row[name]) for name in variants if row.get(name) is not None}
    return {**made, **there}


@contextmanager
def _in_words_of_dlt() -> Iterator[None]:
    """Let dlt try again at once what may get better by itself, and nothing else."""
    try:
        yield
    except (UnreachableError, StateError) as error:
        raise DestinationTransientException(str(error)) from error
    except ConnectorError as error:
        raise DestinationTerminalException(str(error)) from error
