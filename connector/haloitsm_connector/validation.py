"""Check data against a pydantic model, and say in plain words what is wrong with it and where.

Messages never show the value that was found, but for a word that is none of the allowed ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, RootModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from haloitsm_connector.errors import Finding, InputError, NodePath, dotted, sentence, suggest
from haloitsm_transformers.fields import PROBLEMS as STEP_PROBLEMS
from haloitsm_transformers.wording import KINDS, LIMITS, TEXT

Model = TypeVar("Model", bound=BaseModel)

QUOTED = re.compile(r"'([^']*)'")


class UnknownKey(Finding):
    """A finding about a key, whatever its value is."""


@dataclass(frozen=True, slots=True)
class Place:
    """A mapping in the data, and a model that it is meant for."""

    path: NodePath
    model: type[BaseModel]
    data: Mapping[str, Any]


def validate(model: type[Model], data: Any, path: NodePath = ()) -> tuple[Model | None, list[Finding]]:
    """Return the model made from ``data``, or None and what is wrong; paths begin with ``path``."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
    places = list(places_of(model, data))
    kinds: dict[NodePath, list[str]] = {}
    found: list[Finding] = []
    for each in errors:
        at, rest = _descend(data, each["loc"])
        if each["type"] == STEP_PROBLEMS:
            found += [Finding((*at, *inner.path), inner.what, inner.hint) for inner in each["ctx"]["problems"]]
        elif each["type"] in KINDS:
            kinds.setdefault(at, []).append(KINDS[each["type"]])
        else:
            found.append(_finding(each, at, rest, places))
    # A union complains once per member. What is said inside the member that the data is meant for helps most.
    deepest = [finding.path for finding in found] + list(kinds)
    found += [
        _wrong_kind(at, wanted, _value(data, at))
        for at, wanted in kinds.items()
        if not any(len(other) > len(at) and other[: len(at)] == at for other in deepest)
    ]
    return None, [replace(each, path=(*path, *each.path)) for each in dict.fromkeys(found)]


def validated(model: type[Model], data: Any, path: NodePath = ()) -> Model:
    """Return the model made from ``data``; InputError says all that is wrong, paths begin with ``path``."""
    made, findings = validate(model, data, path)
    if made is None:
        told = [(dotted(each.path), sentence(each.what, each.hint)) for each in findings]
        raise InputError(" ".join(f"{where}: {what}" if where else what for where, what in told))
    return made


def places_of(annotation: Any, data: Any, path: NodePath = ()) -> Iterator[Place]:
    """Yield every mapping in ``data`` that a model is meant for, with that model, from the outside in."""
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        yield from places_of(annotation.model_fields["root"].annotation, data, path)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if isinstance(data, Mapping) and _is_meant(annotation, data):
            yield Place(path, annotation, data)
            for name, value in data.items():
                if (wanted := _field(annotation, name)) is not None:
                    yield from places_of(wanted, value, (*path, name))
    elif isinstance(data, list) and get_origin(annotation) in {list, tuple, set, frozenset}:
        for argument in get_args(annotation):
            for index, item in enumerate(data):
                yield from places_of(argument, item, (*path, index))
    elif isinstance(data, Mapping) and get_origin(annotation) in {dict, Mapping}:
        for name, value in data.items():
            yield from places_of(get_args(annotation)[-1], value, (*path, name))
    else:
        for argument in get_args(annotation):
            yield from places_of(argument, data, path)


def secrets_of(model: type[BaseModel], data: Any) -> set[str]:
    """Return the texts in ``data`` that stand where the model wants secrets, whether the data is valid or not."""
    return {
        text
        for place in places_of(model, data)
        for name, value in place.data.items()
        if _is_secret(_field(place.model, name))
        for text in texts_in(value)
    }


def texts_in(data: Any) -> Iterator[str]:
    """Yield every text value in the data, numbers as text too."""
    if isinstance(data, Mapping | list):
        for value in data.values() if isinstance(data, Mapping) else data:
            yield from texts_in(value)
    elif data is not None and not isinstance(data, bool):
        yield str(data)


def _field(model: type[BaseModel], name: str) -> Any:
    """The annotation of the field that YAML calls ``name``, or None."""
    for python_name, field in model.model_fields.items():
        if name in {field.alias, python_name}:
            return field.annotation
    return None


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _is_meant(model: type[BaseModel], data: Mapping[str, Any]) -> bool:
    """Whether no ``type: Literal[...]`` of the model contradicts the data: how members of a union are told apart."""
    return all(
        get_origin(field.annotation) is not Literal
        or (field.alias or name) not in data
        or data[field.alias or name] in get_args(field.annotation)
        or len(get_args(field.annotation)) > 1
        for name, field in model.model_fields.items()
    )


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(argument) for argument in get_args(annotation))


def _descend(data: Any, loc: Iterable[str | int]) -> tuple[NodePath, NodePath]:
    """Follow pydantic's location into the data: the path that is there, and the parts after it.

    Pydantic puts the tags of unions between the parts of the path. A tag is no key of the data; where it happens to be
    one (``type: password`` beside ``password:``), it is the value of another key, and more parts follow it.
    """
    path: NodePath = ()
    rest: NodePath = ()
    parts = tuple(loc)
    for index, part in enumerate(parts):
        if _holds(data, part, last=index + 1 == len(parts)):
            data, path, rest = data[part], (*path, part), ()
        else:
            rest = (*rest, part)
    return path, rest


def _holds(data: Any, part: str | int, *, last: bool) -> bool:
    if isinstance(data, Mapping):
        return part in data and (last or part not in data.values())
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


def _value(data: Any, path: NodePath) -> Any:
    for part in path:
        data = data[part]
    return data


def _wrong_kind(path: NodePath, wanted: list[str], value: Any) -> Finding:
    kinds = " or ".join(dict.fromkeys(wanted))
    if value is None:
        return Finding(path, f"has no value; it must be {kinds}", "Remove it if it is not needed.")
    hint = "Put it in quotes." if wanted == [TEXT] and isinstance(value, int | float) else ""
    return Finding(path, f"must be {kinds}", hint)


def _finding(error: ErrorDetails, at: NodePath, rest: NodePath, places: list[Place]) -> Finding:
    context: Mapping[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return Finding(at, f"'{rest[-1]}' is missing" if rest else "something is missing")
        case "extra_forbidden":
            allowed = [name for place in places if place.path == at[:-1] for name in _names(place.model)]
            return unknown_key(at, allowed)
        case "literal_error" | "enum":
            return unknown_word(at, error["input"], QUOTED.findall(str(context.get("expected"))))
        case "union_tag_invalid":
            key = QUOTED.findall(str(context.get("discriminator")))[0]
            return unknown_word((*at, key), error["input"].get(key), QUOTED.findall(str(context.get("expected_tags"))))
        case "union_tag_not_found":
            key = QUOTED.findall(str(context.get("discriminator")))[0]
            words = [word for place in places if place.path == at for word in get_args(_field(place.model, key))]
            return Finding(at, f"'{key}' is missing", there_are(words))
        case "value_error" | "assertion_error":
            return Finding(at, str(context.get("error")) or "is not allowed here")
        case kind if kind in LIMITS:
            return Finding(at, LIMITS[kind].format_map(context))
        case _:
            return Finding(at, "is not a value that can stand here")


def unknown_key(path: NodePath, allowed: Iterable[str]) -> UnknownKey:
    """Return the finding for a key that is not known where it stands."""
    names = list(dict.fromkeys(allowed))
    return UnknownKey(path, f"unknown key '{path[-1]}'", suggest(str(path[-1]), names) or there_are(names))


def unknown_word(path: NodePath, word: Any, allowed: Iterable[str]) -> Finding:
    """Return the finding for a value that is none of the allowed words."""
    names = list(allowed)
    if not isinstance(word, str):
        return Finding(path, f"must be one of: {', '.join(names)}")
    return Finding(path, f"'{word}' is not known here", suggest(word, names) or there_are(names))


def there_are(names: Iterable[str]) -> str:
    """Return a hint that lists the allowed names, or an empty string without any."""
    listed = ", ".join(dict.fromkeys(names))
    return f"There are: {listed}." if listed else ""
