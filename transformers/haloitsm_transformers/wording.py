"""Pydantic's error types in plain words, for steps and for the configuration around them."""

from __future__ import annotations

from collections.abc import Mapping

TEXT = "text"
_WHOLE, _NUMBER, _TRUTH = "a whole number", "a number", "true or false"
LIST, _MAPPING = "a list", "a mapping (name: value)"

KINDS: Mapping[str, str] = {
    "string_type": TEXT,
    "string_sub_type": TEXT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "list_type": LIST,
    "tuple_type": LIST,
    "set_type": LIST,
    "frozen_set_type": LIST,
    "iterable_type": LIST,
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "path_type": "a file name",
    "url_type": "a URL",
    "url_parsing": "a URL",
    "url_scheme": "a URL",
    "date_type": "a date",
    "date_from_datetime_parsing": "a date",
    "datetime_type": "a date and time",
    "datetime_from_date_parsing": "a date and time",
    "none_required": "nothing",
}
"""What kind of value is wanted, as it stands after "must be"."""

LIMITS: Mapping[str, str] = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_too_short": "is too short: its length must be {min_length} or more",
    "string_too_long": "is too long: its length must be {max_length} or less",
    "string_pattern_mismatch": "must have the form {pattern}",
    "too_short": "has too few entries: {actual_length}, at least {min_length}",
    "too_long": "has too many entries: {actual_length}, at most {max_length}",
}
"""What limit is broken, as a sentence over the error's context."""
