"""Explain why a value does not fit a JSON Schema, in sentences with paths, and never with the values themselves.

The library that explains is not the one that tells whether a value fits, which is a hundred times as fast and says
less. Patterns are run by the engine that takes time in proportion to the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from haloitsm_transformers.errors import kind_of
from haloitsm_transformers.keys import fingerprint
from haloitsm_transformers.regexes import regex

if TYPE_CHECKING:
    from jsonschema import ValidationError

SHOWN = 3


def misfits(schema: Any, value: Any) -> str:
    """Say what does not fit, nearest to the top first; at most three sentences."""
    try:
        errors = sorted(
            _explainer()(schema).iter_errors(value), key=lambda error: (len(error.path), list(map(str, error.path)))
        )
    except RecursionError:
        return "does not fit the schema, and is nested too deeply to say why"
    sentences = list(dict.fromkeys(chain.from_iterable(map(_words, errors)))) or ["does not fit the schema"]
    more = f"; and {len(sentences) - SHOWN} more" if len(sentences) > SHOWN else ""
    return "; ".join(sentences[:SHOWN]) + more


@cache
def _explainer() -> Any:
    from jsonschema import Draft202012Validator, ValidationError, validators
    from referencing import Registry

    def pattern(validator: Any, rule: str, value: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(value, str) and not regex(rule)(value):
            yield ValidationError("")

    def pattern_properties(validator: Any, rules: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(value, dict):
            for rule, part in rules.items():
                for name in filter(regex(rule), value):
                    yield from validator.descend(value[name], part, path=name, schema_path=rule)

    def additional_properties(validator: Any, rule: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(value, dict):
            matching = [regex(each) for each in schema.get("patternProperties", ())]
            for name in value:
                if name in schema.get("properties", ()) or any(matches(name) for matches in matching):
                    continue
                if rule is False:
                    yield ValidationError(name)
                else:
                    yield from validator.descend(value[name], rule, path=name)

    def properties(validator: Any, rules: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(value, dict):
            for name in filter(value.__contains__, rules):
                if rules[name] is False:  # of which the library does not tell the place
                    yield ValidationError("", path=[name])
                else:
                    yield from validator.descend(value[name], rules[name], path=name, schema_path=name)

    def unique_items(validator: Any, rule: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        if rule is True and isinstance(value, list) and len(set(map(fingerprint, value))) < len(value):
            yield ValidationError("")

    own = {
        "properties": properties,
        "pattern": pattern,
        "patternProperties": pattern_properties,
        "additionalProperties": additional_properties,
        "uniqueItems": unique_items,  # for which the library compares each item with every other
    }
    extend: Any = validators.extend
    explainer = extend(Draft202012Validator, own)
    return lambda schema: explainer(schema, registry=Registry())


def _words(error: ValidationError) -> list[str]:
    at = f"{'.'.join(map(str, error.absolute_path))}: " if error.absolute_path else ""
    rule: Any = error.validator_value
    instance: Any = error.instance
    found = kind_of(instance)
    match error.validator:
        case "required":
            return [f"{at}the field '{name}' is missing" for name in rule if name not in instance]
        case "additionalProperties":
            return [f"{at}has a field '{error.message}', which the schema does not know"]
        case "unevaluatedProperties":
            return [f"{at}has a field that the schema does not know"]
        case None | "properties":
            return [f"{at}may not be there"]
        case "type":
            return [f"{at}is {found}, and the schema wants {' or '.join([rule] if isinstance(rule, str) else rule)}"]
        case "anyOf" | "oneOf":
            how = "one" if error.validator == "anyOf" else "exactly one"
            return [f"{at}is {found}, and does not fit {how} of '{error.validator}'"]
    return [f"{at}is {found}, and the schema wants {error.validator}: {str(rule)[:80]}"]
