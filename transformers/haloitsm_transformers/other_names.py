"""What others call our verbs: Alumio, JSON and data-frame tools, programming languages."""

from __future__ import annotations

from collections.abc import Mapping

OTHER_NAMES: Mapping[str, str] = {
    "add": "'set' for a field, 'convert' with 'add' for a number",
    "append": "'set' for a field, 'convert' with 'suffix' for a text",
    "assert": "'validate', or 'when' with 'fail'",
    "brancher": "'split'",
    "conditional": "'when'",
    "date": "'convert' with 'date', or 'halo_dates'",
    "delete": "'remove' for fields, 'filter' for entities",
    "dictionary": "'map_values'",
    "distinct": "'deduplicate'",
    "drop": "'remove' for fields, 'filter' for entities",
    "each": "'for_each'",
    "enrich": "'join' with a table, 'request' with an API",
    "error": "'fail'",
    "exec": "'python'",
    "explode": "'split'",
    "flatten": "'set' with lines[].items[], or 'split'",
    "foreach": "'for_each'",
    "format": "'convert', or 'render'",
    "function": "'python'",
    "group_by": "'group' for entities, 'key_by' inside one",
    "http": "'request'",
    "if": "'when'",
    "jinja": "'render'",
    "key_mapper": "'rename'",
    "loop": "'for_each'",
    "map": "'map_values' for values, 'select' or 'rename' for fields",
    "mapper": "'map_values' for values, 'select' or 'rename' for fields",
    "merger": "'request', 'join', or 'merge' for what is at hand",
    "mutate": "'set'",
    "node": "'for_each'",
    "order": "'sort'",
    "order_by": "'sort'",
    "pattern_copy": "'copy'",
    "pattern_move": "'move'",
    "pick": "'keep'",
    "pluck": "'select'",
    "project": "'select'",
    "replace": "'convert' with 'replace'",
    "script": "'python'",
    "skip": "'filter'",
    "store": "'save'",
    "switch": "'when', or 'map_values' for one value",
    "template": "'render'",
    "transform": "'select', 'set' or 'convert'",
    "unique": "'deduplicate'",
    "unset": "'remove'",
    "value_mapper": "'convert' or 'map_values'",
    "value_setter": "'set'",
    "where": "'filter'",
}
"""A name with _ for spaces and hyphens, to the verbs that do it here."""


def other_name(name: str) -> str:
    """Return which verb does here what others call ``name``, or an empty text."""
    verbs = OTHER_NAMES.get(name.casefold().replace("-", "_").replace(" ", "_"))
    return f"Here that is {verbs}." if verbs else ""
