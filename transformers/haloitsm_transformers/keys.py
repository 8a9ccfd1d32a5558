"""Keys: the texts by which entities are told apart, stored and found again.

A key is a template. What it gives is written as text, so that 12, 12.0 and "12" are one key: files give texts where
APIs give numbers.
"""

from __future__ import annotations

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
