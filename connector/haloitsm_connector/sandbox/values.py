"""Single values: made up by type for tables without data of their own, and converted when they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

from haloitsm_connector.catalogue import Field
from haloitsm_connector.sandbox.errors import Refusal
from haloitsm_connector.sandbox.seed.world import Record, World, guid, stamp, uneven
from haloitsm_connector.sandbox.tables import Shape

_INT32 = 2**31


def sample(schema: Mapping[str, Field], shape: Shape, world: World, chance: Random, number: int) -> Record:
    """Make up one record of a table, about a quarter of its fields left out, as Halo leaves out nulls."""
    if not schema:
        return {"id": guid(chance) if shape.textual else number, "name": f"Record {number}"}
    record: Record = {}
    for name, field in schema.items():
        if name == "id":
            record["id"] = number if field.type in ("integer", "number") else guid(chance)
        elif name in shape.key or (chance.random() < 0.75 and not name.startswith("_")):
            record[name] = _made_up(field, world, chance, number)
    return record


def _made_up(field: Field, world: World, chance: Random, number: int) -> Any:
    match field.type:
        case "integer":
            return chance.randrange(10) if field.name.endswith("_id") else chance.randrange(2)  # fits every enum
        case "number":
            return chance.randrange(10_000) / 100
        case "boolean":
            return chance.random() < 0.5
        case "date-time":
            return uneven(chance, world.ago(chance, 365))
        case "date":
            return world.ago(chance, 365).date().isoformat()
        case "time":
            return f"{chance.randrange(24):02}:{chance.randrange(60):02}:00"
        case "uuid":
            return guid(chance)
        case "array":
            return []
        case "object":
            return None
        case _:
            return f"{field.name.replace('_', ' ').strip()} {number}"


def converted(field: Field, value: Any) -> Any:
    """Convert a written value to the type of its field, as leniently as Halo does (halo-api-facts 4.1).

    Numeric text is taken for numbers; Refusal "Could not convert ..." otherwise.
    """
    convert = _CONVERSIONS.get(field.type)
    if value is None or convert is None:
        return value
    try:
        return convert(value)
    except (ValueError, TypeError, OverflowError):
        shown = f"'{value}'" if isinstance(value, str) else type(value).__name__
        raise Refusal(f"Could not convert {shown} to {field.type}", field=field.name) from None


def _integer(value: Any) -> int | None:
    if value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError
    number = int(value)
    if not -_INT32 * 2**32 <= number < _INT32 * 2**32:
        raise OverflowError
    return number


def _number(value: Any) -> float | None:
    if value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError
    return float(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, str) and value.casefold() in ("true", "false"):
        return value.casefold() == "true"
    if isinstance(value, (bool, int)):
        return bool(value)
    raise TypeError


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise TypeError
    return str(value).lower() if isinstance(value, bool) else str(value)


def _moment(value: Any) -> str | None:
    if value == "":
        return None
    if not isinstance(value, str):
        raise TypeError
    return stamp(naive_utc(value))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "integer": _integer, "number": _number, "boolean": _boolean, "string": _text, "uuid": _text,
    "date-time": _moment, "date": _text, "time": _text, "array": _list, "object": _mapping,
}  # fmt: skip


def naive_utc(text: str) -> datetime:
    """Read a date in any form that clients send: naive (meant as UTC), ``Z``, or with an offset; ValueError else."""
    head, point, fraction = text.strip().partition(".")
    digits = fraction[: len(fraction) - len(fraction.lstrip("0123456789"))]
    moment = datetime.fromisoformat(f"{head}{point}{digits[:6]}{fraction[len(digits) :]}")
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
