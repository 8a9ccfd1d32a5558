"""Values by name: the lists in which Halo keeps what the numbers of a field mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from haloitsm_connector.bulk.values import MisfitError
from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.errors import InputError, suggest
from haloitsm_connector.subscriber import Subscriber

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient

CODES: Mapping[str, int] = {"impact": 12, "urgency": 27, "source": 22}
"""Fields whose numbers are of ``GET /Lookup``, by its ``lookupid`` (halo-api-facts 8)."""
LISTS: Mapping[str, str] = {"accountmanagertech": "/Agent", "sectech": "/Agent", "pritech": "/Agent"}
"""Fields whose names do not tell the list."""
_IDS: Mapping[str, str] = {"/Priority": "priorityid"}  # (halo-api-facts 8)
_LABELS = ("name", "outcome", "summary", "inventory_number", "value")
_MOST_ROWS = 20_000


class Names:
    """What the names in Halo's lists stand for; each list is read once, when it is first asked for."""

    def __init__(self, client: HttpClient, catalogue: Catalogue) -> None:
        self._client = client
        self._catalogue = catalogue
        self._known: dict[str, dict[str, list[tuple[str, Any]]]] = {}

    def has(self, field: str) -> bool:
        """Whether the numbers of a field have names in a list."""
        return field in CODES or self._list(field) is not None

    def id_of(self, field: str, name: str) -> Any:
        """Return the number that a name stands for; MisfitError where no one, or more than one, is called so."""
        known = self._read(field)
        found = known.get(_folded(name), [])
        ids = list(dict.fromkeys(id_ for _, id_ in found))
        if len(ids) == 1:
            return ids[0]
        if ids:
            raise MisfitError(f"several are called '{name}': {', '.join(map(str, ids[:5]))}; give the number")
        labels = [label for each in known.values() for label, _ in each]
        hint = suggest(name, labels) or (f"There are: {', '.join(labels[:10])}." if labels else "")
        raise MisfitError(f"nothing is called '{name}'" + (f". {hint}" if hint else ""))

    def _read(self, field: str) -> dict[str, list[tuple[str, Any]]]:
        if field in CODES:
            path, query = "/Lookup", {"lookupid": CODES[field]}
        else:
            operation = self._list(field)
            assert operation is not None, "asked only for fields that have a list"
            path, query = operation.path, {}
        place = f"{path} {query}"
        if place not in self._known:
            known: dict[str, list[tuple[str, Any]]] = {}
            source = Subscriber(self._client, f"GET {path}", query=query, limit=_MOST_ROWS, catalogue=self._catalogue)
            for row in source:
                label = next((str(row[name]) for name in _LABELS if row.get(name) not in (None, "")), None)
                if label is not None:
                    known.setdefault(_folded(label), []).append((label, row.get(_IDS.get(path, "id"), row.get("id"))))
            self._known[place] = known
        return self._known[place]

    def _list(self, field: str) -> Operation | None:
        """Return the list that the name of a field tells: ``client_id`` that of clients, ``item_tax_code`` of taxes."""
        if field.endswith("tax_code"):
            path = "/Tax"
        elif field.endswith("_id") and len(field) > len("_id"):
            path = f"/{field.removesuffix('_id')}"
        else:
            path = LISTS.get(field, "")
        try:
            operation = self._catalogue.find(f"GET {path}", ("GET",)) if path else None
        except InputError:
            return None
        if operation is None or operation.listing is None or operation.requires:
            return None
        meant = operation.path.casefold().startswith(path.casefold())  # and not what another name stands for
        return operation if meant else None


def _folded(name: str) -> str:
    """Fold a name: letters in any case, with or without spaces."""
    return "".join(name.casefold().split())
