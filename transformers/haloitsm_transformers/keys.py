"""Keys: the texts by which entities are told apart, stored and found again.

A key is a template. What it gives is written as text, so that 12, 12.0 and "12" are one key: files give texts where
APIs give numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from haloitsm_transformers.errors import StepsError, TransformError, kind_of
from haloitsm_transformers.placeholders import as_text, template


def key_reader(text: str) -> Callable[[Any], str]:
    """Compile a key; what comes back takes an entity and returns its key, never an empty one.

    Raises StepsError when ``text`` is no template. The compiled one raises TransformError where null, a list, an object
    or an empty text comes out.
    """
    fill = template(text)

    def read(entity: Any) -> str:
        value = fill(entity)
        key = as_text(value)
        if not key:
            raise TransformError(f"gives {'an empty text' if key == '' else kind_of(value)}, which is no key", text)
        return key

    return read


def entity_key(text: str) -> Callable[[Any], str]:
    """Compile a key that tells entities apart; StepsError too when it is the same for all of them."""
    read = key_reader(text)
    if "{{" not in text:
        raise StepsError.of(
            f"'{text}' holds no placeholder, so all entities would have this key", f'For example: "{{{{ {text} }}}}".'
        )
    return read


def to_json(value: Any) -> str:
    """Write a value as JSON text, whole numbers of any size; ValueError when it is none."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def fingerprint(value: Any) -> str:
    """Return 32 characters that are the same for equal JSON values, whatever the order of names; 1 and 1.0 are equal.

    TransformError when the value is no JSON.
    """
    try:
        text = json.dumps(value, allow_nan=False, sort_keys=True, separators=(",", ":"))
        if ".0" in text or "e+" in text:
            text = json.dumps(_whole(value), allow_nan=False, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise TransformError(f"is no JSON: {error}") from error
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _whole(value: Any) -> Any:
    """Make whole numbers of those that are written as fractions: Halo answers some ids as 12.0 (halo-api-facts 8)."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value
