"""Files that tasks write and read: on the worker's disk, or where Airflow's object storage leads (``s3://…``)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from airflow.sdk import ObjectStoragePath

from haloitsm_connector.arrow import Columns, read_parquet, write_parquet
from haloitsm_connector.errors import InputError
from haloitsm_connector.formats import format_of
from haloitsm_connector.publisher import FilePublisher
from haloitsm_connector.subscriber import FileSubscriber
from haloitsm_transformers import Entity

PARQUET = ".parquet"


def write(path: str, pages: Iterable[list[Entity]], columns: Columns) -> int:
    """Write entities to a file and return how many; it is there once all of them are in it, and not before.

    The extension says the format: Parquet, JSON lines, JSON, CSV or XLSX. ``columns`` are the types of Parquet that are
    known beforehand. InputError for another format, for an entity that the format cannot hold, for a full disk.
    """
    with _new(path) as file:
        if file.suffix.lower() == PARQUET:
            return write_parquet(file, pages, columns)
        return _write_rows(file, pages)


def read(path: str) -> Iterator[Entity]:
    """Yield the entities of a file; InputError where it cannot be read."""
    with _there(path) as file:
        if file.suffix.lower() == PARQUET:
            yield from read_parquet(file)
        else:
            yield from FileSubscriber(file)


def _write_rows(file: Path, pages: Iterable[list[Entity]]) -> int:
    count = 0
    for outcome in FilePublisher(file).publish(chain.from_iterable(pages)):
        if outcome.status != "sent":
            raise InputError(f"{file.name}: a record cannot be written: {outcome.reason}")
        count += 1
    return count


@contextmanager
def _new(path: str) -> Iterator[Path]:
    """Give a file to write, which takes its place when all went well."""
    target, elsewhere = Path(path), _elsewhere(path)
    if target.suffix.lower() != PARQUET:
        format_of(path)
    try:
        if not elsewhere:
            target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=None if elsewhere else target.parent, prefix=".") as folder:
            file = Path(folder) / target.name
            yield file
            if elsewhere:
                with file.open("rb") as source, elsewhere.open("wb") as there:
                    shutil.copyfileobj(source, there)
            else:
                os.replace(file, target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def _there(path: str) -> Iterator[Path]:
    """Give a file to read, brought here if it is elsewhere."""
    elsewhere = _elsewhere(path)
    if not elsewhere:
        yield Path(path)
        return
    with TemporaryDirectory() as folder:
        file = Path(folder) / Path(path).name
        try:
            with elsewhere.open("rb") as there, file.open("wb") as here:
                shutil.copyfileobj(there, here)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
        yield file


def _elsewhere(path: str) -> ObjectStoragePath | None:
    """Return a path in Airflow's object storage, None for a file on this machine. InputError for a storage unknown."""
    if "://" not in path:
        return None
    try:
        place = ObjectStoragePath(path)
        _ = place.fs  # is looked for when it is first asked for
    except (ValueError, ImportError) as error:
        hint = "Install the provider of that storage: pip install 'apache-airflow-providers-amazon[s3fs]' for s3://."
        raise InputError(f"{path}: this storage cannot be reached: {error}", hint) from None
    return place
