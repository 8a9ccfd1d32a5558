"""``convert``: change what values say: texts, numbers, dates, lists, and forms such as JSON or HTML."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, RootModel, WithJsonSchema

from haloitsm_transformers.contract import Builder, EntityFunction, Example, Transformer
from haloitsm_transformers.conversions import CONVERSIONS, conversion
from haloitsm_transformers.fields import Pattern, compiles
from haloitsm_transformers.in_place import in_place

_ALONE = [name for name, one in CONVERSIONS.items() if one.schema is None]
_ONE = {
    "anyOf": [
        {"enum": _ALONE},
        {
            "type": "object",
            "properties": {
                name: {"description": one.summary, **one.schema}
                for name, one in CONVERSIONS.items()
                if one.schema is not None
            },
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
        },
    ]
}
Conversions = Annotated[
    Any,
    compiles(conversion),
    WithJsonSchema({"anyOf": [*_ONE["anyOf"], {"type": "array", "minItems": 1, "items": _ONE}]}),
]


class Convert(RootModel[dict[Pattern, Conversions]]):
    """Change values by one conversion or several, one after the other.

    Missing path: nothing happens. Null stays null; where a conversion gives null, those after it are left out. Wrong
    type: fails. Conversions of text also take numbers, true and false, as written in JSON, conversions of numbers take
    texts that are numbers. Empty list: fails, except for `join`, `encode` and `expression`. Arithmetic is exact to 100
    digits; a result without a fraction is a whole number. {{ Placeholders }} in options read the entity.
    """

    root: dict[Pattern, Conversions] = Field(
        min_length=1, description="Pattern of the values to a conversion, or a list of them."
    )


def build(params: Convert, builder: Builder) -> EntityFunction:
    """Compile patterns and conversions."""
    return in_place((pattern, conversion(written)) for pattern, written in params.root.items())


TRANSFORMER = Transformer(
    "convert",
    "entity",
    Convert,
    build,
    examples=(
        Example(
            "One after the other",
            {"name": ["trim", {"replace": {" ": "-"}}, "lower", {"cut": 8}], "lines.*.sku": {"prefix": "{{ shop }}/"}},
            {"name": "  Big Printer ", "shop": "UK", "lines": [{"sku": "A"}, {"sku": 7}]},
            {"name": "big-prin", "shop": "UK", "lines": [{"sku": "UK/A"}, {"sku": "UK/7"}]},
        ),
        Example(
            "Texts",
            {
                "a": "upper",
                "b": "capitalise",
                "c": "slug",
                "d": {"suffix": "!"},
                "e": {"cut": {"start": 1, "length": 2}},
            },
            {"a": "straße", "b": "élan", "c": "  Crème brûlée, 2 × ", "d": "ja", "e": "日本語文"},
            {"a": "STRASSE", "b": "Élan", "c": "creme-brulee-2", "d": "ja!", "e": "本語"},
        ),
        Example(
            "Checksums, as keys for instance",
            {"email": ["trim", "lower", {"hash": "md5"}]},
            {"email": " Someone@Example.com"},
            {"email": "16d113840f999444259f73bac9ab8b10"},
        ),
        Example(
            "Lists",
            {"tags": {"split": ","}, "tags.*": "trim", "names": {"join": ", "}, "ids": {"expression": "sort(@)[-1]"}},
            {"tags": "a, b", "names": ["x", 1, None], "ids": [3, 9, 1]},
            {"tags": ["a", "b"], "names": "x, 1", "ids": 9},
        ),
        Example(
            "Numbers: exact, whole where nothing is left over",
            {
                "net": {"multiply": "{{ qty }}"},
                "gross": [{"multiply": 1.2}, {"round": 2}],
                "pages": [{"divide": 100}, {"round": "up"}],
            },
            {"net": 19.99, "qty": 3, "gross": "19.99", "pages": 201},
            {"net": 59.97, "qty": 3, "gross": 23.99, "pages": 3},
        ),
        Example(
            "Half is rounded away from zero",
            {"n.*": {"round": 0}},
            {"n": [0.5, 1.5, 2.5, -0.5, 1.005]},
            {"n": [1, 2, 3, -1, 1]},
        ),
        Example(
            "Numbers as text",
            {"a": {"number": {"decimals": 2}}, "b": {"number": {"decimals": 2, "point": ",", "thousands": "."}}},
            {"a": 5, "b": 1234567.895},
            {"a": "5.00", "b": "1.234.567,90"},
        ),
        Example(
            "Large whole numbers stay exact",
            {"n": {"add": 1}},
            {"n": 12345678901234567890123},
            {"n": 12345678901234567890124},
        ),
        Example(
            "Dates in other forms",
            {
                "a": {"date": {"from": "%d.%m.%Y"}},
                "b": {"date": {"to": "%d/%m/%Y %H:%M"}},
                "c": {"date": {"from": "unix", "to_zone": "Europe/London"}},
                "d": {"date": {"from_zone": "Europe/Berlin", "to": "unix"}},
            },
            {"a": "31.01.2026", "b": "2026-01-31T09:05:00", "c": 1783641600, "d": "2026-07-10T02:00:00"},
            {"a": "2026-01-31", "b": "31/01/2026 09:05", "c": "2026-07-10T01:00:00+01:00", "d": 1783641600},
        ),
        Example(
            "A note as HTML and as text",
            {"note_html": {"decode": "html"}, "note": {"encode": "html"}},
            {"note_html": "<p>Dear all,</p><p>it <b>works</b> &amp; stays.<br>Bye</p>", "note": "a < b\nc"},
            {"note_html": "Dear all,\n\nit works & stays.\nBye", "note": "a &lt; b<br>c"},
        ),
        Example(
            "Forms read",
            {"a": {"decode": "json"}, "b": {"decode": "base64"}, "c": {"decode": "url"}, "d": {"decode": "xml"}},
            {"a": '{"n": [1, null]}', "b": "w6k=", "c": "a%20%2F", "d": '<o id="7"><l>A</l><l>B</l></o>'},
            {"a": {"n": [1, None]}, "b": "é", "c": "a /", "d": {"o": {"@id": "7", "l": ["A", "B"]}}},
        ),
        Example(
            "Forms written",
            {"a": {"encode": "json"}, "b": {"encode": "base64"}, "c": {"encode": "url"}, "d": {"encode": "xml"}},
            {"a": [], "b": "é", "c": "a /&", "d": {"o": {"l": ["A", True]}}},
            {
                "a": "[]",
                "b": "w6k=",
                "c": "a%20%2F%26",
                "d": '<?xml version="1.0" encoding="utf-8"?>\n<o><l>A</l><l>true</l></o>',
            },
        ),
        Example("A missing path is fine, null stays null", {"x": "trim", "a": {"add": 1}}, {"a": None}, {"a": None}),
        Example("A list is no text", {"a": "trim"}, {"a": []}, fails="a: is a list, not text"),
        Example("Nor a word a number", {"a": {"add": 1}}, {"a": "one"}, fails="a: is text that is not a number"),
        Example(
            "Nothing is divided by 0", {"a": {"divide": "{{ b }}"}}, {"a": 1, "b": 0}, fails="a: cannot be divided"
        ),
        Example(
            "What is no date fails", {"a": {"date": {"from": "%d.%m.%Y"}}}, {"a": "31.02.2026"}, fails="a: is text"
        ),
        Example(
            "XML that brings its own entities is refused",
            {"a": {"decode": "xml"}},
            {"a": '<!DOCTYPE a [<!ENTITY b "x">]><a>&b;</a>'},
            fails="a: is text that is not XML: entities are disabled",
        ),
    ),
    json=True,
)
