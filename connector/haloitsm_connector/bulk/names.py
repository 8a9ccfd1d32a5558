"""What the numbers of a field stand for: the lists in which Halo keeps their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haloitsm_connector.bulk.values import MisfitError
from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.client.reason import status_error
from haloitsm_connector.client.request import Request, fill_path, scalar
from haloitsm_connector.errors import InputError, StatusError, suggest
from haloitsm_connector.subscriber import Subscriber
from haloitsm_connector.subscriber.listing import read_page

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

CODES: Mapping[str, int] = {"impact": 12, "urgency": 27, "source": 22}
"""Fields whose numbers are of ``GET /Lookup``, by its ``lookupid`` (halo-api-facts 8)."""
LISTS: Mapping[str, str] = {"accountmanagertech": "/Agent", "sectech": "/Agent", "pritech": "/Agent"}
"""Fields whose names do not tell the list."""
_IDS: Mapping[str, str] = {"/Priority": "priorityid"}  # (halo-api-facts 8)
_LABELS = ("name", "outcome", "summary", "inventory_number", "value")
_MOST_ROWS = 20_000
CHECKED_ROWS = 1_000
"""Rows of a list that are read to see whether a number is among them."""
CHECKED_ALONE = 50
"""Numbers that are asked for by themselves, since the rows do not show them."""
_SHOWN = 10


class UnknownNumberError(MisfitError):
    """No row of the list that a field's numbers are from has this one."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A list of names: what is asked, the field of a row that holds the number, and what reads one row by it."""

    operation: Operation
    query: Mapping[str, Any]
    number: str
    one: Operation | None

    @property
    def name(self) -> str:
        """What the list is called: ``Tax``."""
        return self.operation.path.strip("/")


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a list: the numbers with their labels; ``names`` finds them by folded label."""

    numbers: Mapping[str, tuple[Any, str]]
    names: Mapping[str, list[Any]]


class Names:
    """What the names in Halo's lists stand for, and which numbers there are; each list is read when it is asked for.

    What could not be looked up goes to ``notes``.
    """

    def __init__(self, client: HttpClient, catalogue: Catalogue, notes: list[str]) -> None:
        self._client = client
        self._catalogue = catalogue
        self._notes = notes
        self._places: dict[str, Place | None] = {}
        self._lists: dict[str, Place] = {}
        self._known: dict[tuple[Place, int], _Rows] = {}
        self._there: dict[tuple[Place, str], bool] = {}
        self._asked: Counter[Place] = Counter()

    def place(self, field: str) -> Place | None:
        """Return the list that has the names of a field's numbers, None where there is none."""
        if field not in self._places:
            self._places[field] = self._place(field)
        return self._places[field]

    def id_of(self, field: str, name: str) -> Any:
        """Return the number that a name stands for; MisfitError where no one, or more than one, is called so."""
        place = self.place(field)
        assert place is not None, "asked only for fields that have a list"
        known = self._read(place, _MOST_ROWS)
        ids = list(dict.fromkeys(known.names.get(_folded(name), [])))
        if len(ids) == 1:
            return ids[0]
        if ids:
            raise MisfitError(f"several are called '{name}': {', '.join(map(str, ids[:5]))}; give the number")
        labels = [label for _, label in known.numbers.values() if label]
        hint = suggest(name, labels) or _there(labels[:_SHOWN], len(labels))
        raise MisfitError(f"nothing is called '{name}'" + (f". {hint}" if hint else ""))

    def check(self, field: str, number: Any) -> None:
        """Raise UnknownNumberError for a number that the list of a field does not have, with the nearest that it has.

        Zero and less stand for nobody and nothing; a list that is empty, or not to be read, tells nothing.
        """
        place = self.place(field)
        if place is None or number <= 0:
            return
        written = scalar(number)
        try:
            known = self._read(place, CHECKED_ROWS)
            if not known.numbers or written in known.numbers or self._is_there(place, written, known):
                return
        except StatusError as error:
            self._note(f"the numbers of '{field}' were not looked up: {error.what}")
            return
        near = sorted(known.numbers.values(), key=lambda row: abs(_size(row[0]) - number))[:_SHOWN]
        told = [f"{id_} ({label})" for id_, label in sorted(near, key=lambda row: _size(row[0]))]
        raise UnknownNumberError(f"there is no {place.name} {written}. {_there(told, len(known.numbers))}")

    def _is_there(self, place: Place, number: str, known: _Rows) -> bool:
        """Whether Halo has what no row shows: rows may hide it, and not all of them are read."""
        if place.one is None:
            return len(known.numbers) >= CHECKED_ROWS
        if (place, number) not in self._there:
            if self._asked[place] >= CHECKED_ALONE:
                self._note(f"of {place.name} the first {CHECKED_ALONE} numbers were looked up that its list hides")
                return True
            self._asked[place] += 1
            self._there[place, number] = self._answers(place.one, number)
        return self._there[place, number]

    def _answers(self, one: Operation, number: str) -> bool:
        request = Request("GET", fill_path(one.path, {"id": number}))
        response = self._client.send(request)
        if response.status == 404 or self._client.normal(response.status):
            return False
        if not 200 <= response.status < 300:
            raise status_error(response, request.method)
        return any(scalar(row.get("id")) == number for row in read_page(one, response).rows)

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)

    def _read(self, place: Place, most: int) -> _Rows:
        for limit in {most, _MOST_ROWS}:
            if (place, limit) in self._known:
                return self._known[place, limit]
        numbers: dict[str, tuple[Any, str]] = {}
        names: dict[str, list[Any]] = {}
        source = Subscriber(
            self._client, place.operation.name, query=place.query, limit=most, catalogue=self._catalogue
        )  # fmt: skip
        for row in source:
            label = next((str(row[name]) for name in _LABELS if row.get(name) not in (None, "")), "")
            id_ = row.get(place.number, row.get("id"))
            if id_ is not None:
                numbers[scalar(id_)] = id_, label
                names.setdefault(_folded(label), []).append(id_)
        self._known[place, most] = _Rows(numbers, names)
        return self._known[place, most]

    def _place(self, field: str) -> Place | None:
        """Return the list that the name of a field tells: ``client_id`` that of clients, ``item_tax_code`` of taxes."""
        if field in CODES:
            return self._list("/Lookup", lookupid=CODES[field])
        if field.endswith("tax_code"):
            path = "/Tax"
        elif field.endswith("_id") and len(field) > len("_id"):
            path = f"/{field.removesuffix('_id')}"
        else:
            path = LISTS.get(field, "")
        return self._list(path) if path else None

    def _list(self, path: str, **query: Any) -> Place | None:
        operation = self._found(path)
        if operation is None or operation.listing is None or not set(operation.requires) <= set(query):
            return None
        if not operation.path.casefold().startswith(path.casefold()):
            return None  # what another name stands for
        alone = not query and operation.path not in _IDS
        one = self._found(f"{operation.path}/{{id}}") if alone else None
        made = Place(operation, query, _IDS.get(operation.path, "id"), one)
        return self._lists.setdefault(f"{operation.path} {query}", made)

    def _found(self, path: str) -> Operation | None:
        try:
            return self._catalogue.find(f"GET {path}", ("GET",))
        except InputError:
            return None


def _there(some: Sequence[str], all_: int) -> str:
    """Say what there is, or that these are not all of it."""
    if not some:
        return ""
    return f"{'There are' if len(some) == all_ else 'There are, among others'}: {', '.join(some)}"


def _size(number: Any) -> float:
    return number if isinstance(number, int | float) else 0.0


def _folded(name: str) -> str:
    """Fold a name: letters in any case, with or without spaces."""
    return "".join(name.casefold().split())
