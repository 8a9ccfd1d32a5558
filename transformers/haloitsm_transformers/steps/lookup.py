"""``lookup``: put the texts in the place of Halo's ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field

from haloitsm_transformers.capabilities import Call, Http
from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.errors import StepsError, TransformError, kind_of
from haloitsm_transformers.fields import ClientName, Pattern, Template, compiles
from haloitsm_transformers.in_place import Change, in_place, unless_null
from haloitsm_transformers.placeholders import as_text
from haloitsm_transformers.world import Answer, World

_LIST = re.compile(r"/?([A-Za-z]+)(?:/(\d+))?")
Texts = Mapping[str, Any]
"""Id, written as text, to what stands for it."""


def _listed(text: str) -> tuple[str, dict[str, int]]:
    """Return path and query of a list: ``Status``, or ``Lookup/12`` for the list of codes 12."""
    found = _LIST.fullmatch(text)
    if not found or (found[2] and found[1].lower() != "lookup"):
        raise StepsError.of(
            f"'{text}' is no list", "Write one that Halo has, such as Status, or a list of codes: Lookup/12."
        )
    return f"/{found[1]}", {"lookupid": int(found[2])} if found[2] else {}


class Lookup(Params):
    """Put the texts in the place of ids, as a list of Halo's set-up has them: Status, Team, Priority, Lookup/12.

    Each list is read once in a run, when the first id comes; its numbers are those of halo-api-facts 8. Missing path:
    nothing happens. Null stays null. Wrong type: a list or object is no id and fails, as does an id that the list does
    not have, unless `otherwise` says what stands for it. Empty list: fails; patterns reach the ids inside a list.
    """

    client: ClientName = Field(description="Name of the Halo client that reads the lists.")
    texts: dict[Pattern, Annotated[str, compiles(_listed)]] = Field(
        min_length=1, description="Pattern of the ids to the list that has their texts."
    )
    id: str = Field("id", description="Field of a row that holds its id: priorityid for Priority.")
    text: str = Field("name", description="Field of a row that holds its text.")
    otherwise: Template = Field(None, description="What stands for an id that the list does not have; else it fails.")


def build(params: Lookup, builder: Builder) -> EntityFunction:
    """Compile the patterns; a run reads each list when it first needs it."""
    otherwise = builder.template(params.otherwise) if "otherwise" in params.model_fields_set else None
    read = _once(_reader(params, builder.capability("http")))
    return in_place((pattern, unless_null(_change(name, read, otherwise))) for pattern, name in params.texts.items())


def _change(name: str, read: Callable[[str], Texts], otherwise: Callable[[Entity], Any] | None) -> Change:
    def change(value: Any, entity: Entity) -> Any:
        texts = read(name)
        number = as_text(value)
        if number is not None and number in texts:
            return texts[number]
        if otherwise is None:
            shown = kind_of(value) if number is None else f"{number[:_SHOWN]}, which {name} does not have"
            raise TransformError(f"is {shown}; 'otherwise' would stand for it")
        return otherwise(entity)

    return change


_SHOWN = 40


def _once(read: Callable[[str], Texts]) -> Callable[[str], Texts]:
    known: dict[str, Texts | Exception] = {}

    def reading(name: str) -> Texts:
        if name not in known:
            try:
                known[name] = read(name)
            except TransformError as error:  # each entity is to fail with it, and the list not to be asked for again
                known[name] = error
        found = known[name]
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found

    return reading


def _reader(params: Lookup, http: Http) -> Callable[[str], Texts]:
    def read(name: str) -> Texts:
        uri, query = _listed(name)
        rows = http(Call(params.client, "GET", uri, query=query)).result()
        if not isinstance(rows, list):
            raise TransformError(f"{name} gives {kind_of(rows)}, not a list")
        texts: dict[str, Any] = {}
        for row in rows:
            number = as_text(row.get(params.id)) if isinstance(row, dict) else None
            if number is not None and params.text in row:
                texts.setdefault(number, row[params.text])
        return texts

    return read


_WORLD = World(
    answers=[
        Answer(request="GET /Status", value=[{"id": 1, "name": "New"}, {"id": 9, "name": "Closed"}]),
        Answer(request="GET /Lookup?lookupid=12", value=[{"id": 1, "name": "Company"}, {"id": 2.0, "name": "Länge"}]),
    ]
)

TRANSFORMER = Transformer(
    "lookup",
    "entity",
    Lookup,
    build,
    needs=("http",),
    examples=(
        Example(
            "Display texts",
            {"client": "halo", "texts": {"status_id": "Status", "impact": "Lookup/12"}},
            [{"status_id": 9, "impact": 2}, {"status_id": "1", "impact": 1.0}],
            [{"status_id": "Closed", "impact": "Länge"}, {"status_id": "New", "impact": "Company"}],
            world=_WORLD,
        ),
        Example(
            "An id that is not in the list",
            {"client": "halo", "texts": {"status_id": "Status"}, "otherwise": "Status {{ status_id }}"},
            {"status_id": 7},
            {"status_id": "Status 7"},
            world=_WORLD,
        ),
        Example(
            "fails without `otherwise`",
            {"client": "halo", "texts": {"status_id": "Status"}},
            {"status_id": 7},
            fails="status_id: is 7, which Status does not have",
            world=_WORLD,
        ),
        Example(
            "A missing path is fine, null stays null",
            {"client": "halo", "texts": {"x": "Status", "status_id": "Status", "old.*": "Status"}},
            {"status_id": None, "old": []},
            {"status_id": None, "old": []},
            world=_WORLD,
        ),
        Example(
            "A list is no id",
            {"client": "halo", "texts": {"old": "Status"}},
            {"old": []},
            fails="old: is a list",
            world=_WORLD,
        ),
    ),
    json=True,
)
