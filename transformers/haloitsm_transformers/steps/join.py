"""``join``: take along what a table from elsewhere knows about each entity."""

from __future__ import annotations

from typing import Any, Self, get_args

from pydantic import Field, model_validator

from haloitsm_transformers.capabilities import Rows, Source
from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.errors import TransformError
from haloitsm_transformers.fields import IncomingName, Key, Path, StorageName
from haloitsm_transformers.keys import entity_key
from haloitsm_transformers.paths import Edit, parse_path
from haloitsm_transformers.world import World

SOURCES: tuple[Source, ...] = get_args(Source)


class Join(Params):
    """Put the row of a table that has the entity's key into the entity: of a file, another incoming, or a storage.

    The table is read once in a run, when the first entity comes, and held in memory. Where no row has the key, null is
    put, with `many` an empty list. Missing path, null, empty list: give no key; the entity, or the row's table, fails.
    Wrong type: so do lists and objects; numbers and texts that read the same are one key.
    """

    file: str | None = Field(None, description="CSV, JSON, JSON lines or XLSX file, below the configuration's folder.")
    incoming: IncomingName | None = Field(None, description="Name of the incoming that is read.")
    storage: StorageName | None = Field(None, description="Name of the storage whose values are the rows.")
    row_key: Key = Field(description="Template that gives the key of a row.")
    key: Key = Field(description="Template that gives the key of an entity.")
    into: Path = Field(description="Path at which the row is put.")
    many: bool = Field(
        False, description="Put a list of all rows that have the key; else no two rows may have the same."
    )
    most: int = Field(100_000, ge=1, description="Rows that the table may have.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [source for source in SOURCES if getattr(self, source) is not None]
        if len(given) != 1:
            raise ValueError(f"needs one of {', '.join(SOURCES)}; it has {' and '.join(given) or 'none'}")
        return self

    @property
    def source(self) -> tuple[Source, str]:
        """Where the rows come from, and the name there."""
        return next((source, name) for source in SOURCES if (name := getattr(self, source)) is not None)


def build(params: Join, builder: Builder) -> EntityFunction:
    """Compile the keys; a run reads the table when it first needs it."""
    rows: Rows = builder.capability("rows")
    key_of, place = entity_key(params.key), parse_path(params.into)
    tables: list[dict[str, list[Entity]] | Exception] = []

    def read() -> dict[str, list[Entity]] | Exception:
        try:
            return _table(params, rows)
        except Exception as error:  # of any kind of source: each entity is to fail with it
            return error

    def join(entity: Entity) -> Entity:
        if not tables:
            tables.append(read())
        table = tables[0]
        if isinstance(table, Exception):
            raise table.with_traceback(None)
        found = table.get(key_of(entity), [])
        value: Any = [*found] if params.many else found[0] if found else None
        Edit(entity).put(place, value)
        return entity

    return join


def _table(params: Join, rows: Rows) -> dict[str, list[Entity]]:
    source, name = params.source
    key_of = entity_key(params.row_key)
    table: dict[str, list[Entity]] = {}
    for number, row in enumerate(rows(source, name), start=1):
        if number > params.most:
            raise TransformError(f"the {source} '{name}' has more than {params.most:,} rows; raise 'most'")
        try:
            found = table.setdefault(key_of(row), [])
        except TransformError as error:
            raise TransformError(f"row {number} of the {source} '{name}': {error}") from error
        if found and not params.many:
            raise TransformError(
                f"two rows of the {source} '{name}' have the key '{key_of(row)}'; 'many' takes them all"
            )
        found.append(row)
    return table


_PRICES = World(rows={"prices.csv": [{"sku": "A", "price": 1}, {"sku": "7", "price": 2}]})
_BY_SKU = {"file": "prices.csv", "row_key": "{{ sku }}", "key": "{{ sku }}", "into": "article"}

TRANSFORMER = Transformer(
    "join",
    "entity",
    Join,
    build,
    needs=("rows",),
    examples=(
        Example(
            "A row of a file; null where none has the key",
            _BY_SKU,
            [{"sku": 7}, {"sku": "B"}],
            [{"sku": 7, "article": {"sku": "7", "price": 2}}, {"sku": "B", "article": None}],
            world=_PRICES,
        ),
        Example(
            "All rows of another incoming that have the key",
            {
                "incoming": "notes",
                "row_key": "{{ ticket_id }}",
                "key": "{{ id }}",
                "into": "notes",
                "many": True,
            },
            [{"id": 7}, {"id": 8}],
            [{"id": 7, "notes": [{"ticket_id": 7, "n": 1}, {"ticket_id": 7, "n": 2}]}, {"id": 8, "notes": []}],
            world=World(rows={"notes": [{"ticket_id": 7, "n": 1}, {"ticket_id": 7, "n": 2}]}),
        ),
        Example(
            "The values of a storage, by something else than their keys there",
            {"storage": "people", "row_key": "{{ mail }}", "key": "{{ to }}", "into": "person"},
            {"to": "ada@example.com"},
            {"to": "ada@example.com", "person": {"id": 5, "mail": "ada@example.com"}},
            world=World(storages={"people": {"5": {"id": 5, "mail": "ada@example.com"}}}),
        ),
        Example("A missing path is no key", _BY_SKU, {}, fails="{{ sku }}: gives null, which is no key", world=_PRICES),
        Example("Nor is an empty list", _BY_SKU, {"sku": []}, fails="gives a list, which is no key", world=_PRICES),
        Example(
            "Two rows with one key are not guessed about",
            _BY_SKU,
            {"sku": "A"},
            fails="two rows of the file 'prices.csv' have the key 'A'",
            world=World(rows={"prices.csv": [{"sku": "A"}, {"sku": "A"}]}),
        ),
        Example(
            "A table that is too large fails",
            {**_BY_SKU, "most": 1},
            {"sku": "A"},
            fails="has more than 1 rows; raise 'most'",
            world=_PRICES,
        ),
    ),
)
