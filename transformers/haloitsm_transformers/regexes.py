"""Regular expressions that take time in proportion to the text, whatever the pattern and the text are.

They are those of ``pattern`` in JSON Schema, run by the same engine: no look-around and no back-references, for which
no engine can promise that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from haloitsm_transformers.errors import StepsError


@lru_cache(maxsize=1024)
def regex(text: str) -> Callable[[Any], bool]:
    """Compile a regular expression; what comes back tells whether it is found anywhere in a text.

    Anything but text does not match. StepsError when ``text`` is no regular expression, or one that needs too much
    memory.
    """
    from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

    try:
        found = Draft202012Validator({"type": "string", "pattern": text}, pattern_options=RegexOptions()).is_valid
    except (ValidationError, ValueError):
        raise StepsError.of(f"'{text[:80]}' is not a regular expression", _HINT) from None

    def matches(value: Any) -> bool:
        try:
            return isinstance(value, str) and found(value)
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold and no other text can
            return False

    return matches


_HINT = "Look-around (?=...) and back-references \\1 are not taken: they could keep a run busy for ever."
