"""Check how an operation is used, before anything is sent: its name, path values, query values, payload fields.

Only what cannot work is an error. Halo's own document is incomplete, so an unknown name and a value of another type are
warnings, and a path value may be any text: ``AC12`` is a legal id where the document says integer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from haloitsm_connector.catalogue.load import Catalogue
from haloitsm_connector.catalogue.model import Operation
from haloitsm_connector.errors import Finding, InputError, NodePath, suggest

_TEMPLATE = re.compile(r"\{\{.*\}\}", re.DOTALL)
_NUMBER = re.compile(r"\s*[+-]?\d+(\.\d*)?\s*")
_BOOLEANS = frozenset({"true", "false"})


def find_operation(catalogue: Catalogue, entity: str, methods: tuple[str, ...], at: NodePath) -> Operation | Finding:
    """Return the operation that ``entity`` names or, as a finding at the path ``at``, why there is none."""
    try:
        return catalogue.find(entity, methods)
    except InputError as error:
        return Finding(at, error.what, error.hint)


def check_path(operation: Operation, values: Mapping[str, Any], at: NodePath, *, complete: bool) -> Iterator[Finding]:
    """Yield what is wrong with path values; those missing only if ``complete``, when nothing else can supply them."""
    names = [parameter.name for parameter in operation.path_parameters]
    for name, value in values.items():
        if name not in names:
            hint = suggest(name, names) or (f"It has: {', '.join(names)}." if names else "It has none.")
            yield Finding((*at, name), f"{operation.name} has no path parameter '{name}'", hint)
        elif complete and not _fits_path(value):
            yield Finding((*at, name), f"path parameter '{name}' must be text, a number, or a list of them")
    for name in names if complete else ():
        if name not in values:
            what = f"{operation.name} needs a value for path parameter '{name}'"
            yield Finding(at, what, f"Give path: {{{name}: …}}.")


def check_query(operation: Operation, values: Mapping[str, Any], at: NodePath) -> Iterator[Finding]:
    """Yield warnings for query names that Halo does not document, which it ignores, and for values of another type."""
    known = {parameter.name.casefold(): parameter for parameter in operation.query_parameters}
    dates = {name.casefold() for name in operation.listing.incremental} if operation.listing else set()
    for name, value in values.items():
        parameter = known.get(name.casefold())
        if parameter is None:
            what = f"{operation.name} has no documented query parameter '{name}'; Halo ignores unknown ones"
            yield Finding((*at, name), what, suggest(name, (each.name for each in known.values())), "warning")
        elif name.casefold() not in dates and not fits(parameter.type, value):
            what = f"query parameter '{name}' of {operation.name} is of type {parameter.type}, and its value is not"
            yield Finding((*at, name), what, severity="warning")


def check_requires(operation: Operation, values: Mapping[str, Any], at: NodePath) -> Iterator[Finding]:
    """Yield a warning when a list lacks every one of the query parameters without which Halo answers no rows."""
    given = {name.casefold() for name in values}
    wanted = {name.casefold() for name in operation.requires} if operation.listing else set()
    if wanted and not given & wanted:
        names = ", ".join(operation.requires)
        yield Finding(at, f"{operation.name} answers nothing without one of: {names}", severity="warning")


def check_payload(
    catalogue: Catalogue, operation: Operation, payload: Any, at: NodePath, also: Collection[str] = ()
) -> Iterator[Finding]:
    """Yield warnings for payload fields that neither the record nor ``also`` has, and for values of another type."""
    fields = catalogue.fields(operation.record) if operation.record else {}
    if not fields:
        return
    records = list(enumerate(payload)) if isinstance(payload, list) else [(None, payload)]
    for index, record in records:
        if not isinstance(record, Mapping):
            continue
        here = at if index is None else (*at, index)
        for name, value in record.items():
            field = fields.get(name)
            if name in also:
                continue
            if field is None:
                what = f"the record of {operation.name} has no documented field '{name}'"
                yield Finding((*here, name), what, suggest(name, fields), "warning")
            elif not fits(field.type, value):
                what = f"field '{name}' is of type {field.type}, and its value is not"
                yield Finding((*here, name), what, severity="warning")


def fits(type_: str, value: Any) -> bool:
    """Whether a value is of a type of the catalogue as Halo reads it: ``"12"`` is an integer, null fits everything."""
    if value is None or type_ in {"any", "time"} or (isinstance(value, str) and _TEMPLATE.search(value)):
        return True
    if type_ == "array":
        return not isinstance(value, Mapping)
    if type_ == "object":
        return isinstance(value, Mapping)
    if isinstance(value, Mapping | list):
        return type_ == "string"
    return _fits_scalar(type_, value)


def _fits_scalar(type_: str, value: Any) -> bool:
    match type_:
        case "boolean":
            return isinstance(value, bool) or str(value).lower() in _BOOLEANS
        case "integer" | "number":
            return not isinstance(value, bool) and (
                isinstance(value, float) or _NUMBER.fullmatch(str(value)) is not None
            )
        case "date" | "date-time":
            return _parses(datetime.fromisoformat, value)
        case "uuid":
            return _parses(UUID, value)
        case _:
            return True


def _parses(parse: Any, value: Any) -> bool:
    try:
        parse(str(value))
    except ValueError:
        return False
    return True


def _fits_path(value: Any) -> bool:
    if isinstance(value, list):
        return all(_fits_path(item) for item in value)
    return isinstance(value, str | int | float) and not isinstance(value, bool)
