"""Mistakes in conversions and other options of value steps are found before anything runs, each at its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from haloitsm_transformers import TransformError, check_steps, compile_chain
from haloitsm_transformers.conversions import CONVERSIONS
from haloitsm_transformers.encodings import ENCODINGS


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"convert": {"a": "trimm"}}, "[0].convert.a: there is no conversion 'trimm'. Did you mean 'trim'?"),
        ({"convert": {"a": []}}, "[0].convert.a: an empty list of conversions does nothing."),
        ({"convert": {"a": "cut"}}, "[0].convert.a: 'cut' is written with its option: 'cut: ...'."),
        ({"convert": {"a": {"trim": True}}}, "[0].convert.a.trim: 'trim' has no option. Write it alone: trim."),
        (
            {"convert": {"a": ["trim", {"cut": -1}]}},
            "[0].convert.a[1].cut: 'cut' takes a number of characters, or {start, length}, not a number.",
        ),
        ({"convert": {"a": {"cut": 1, "trim": 1}}}, "[0].convert.a: a conversion is a name, or a mapping of one name"),
        ({"convert": {"a": {"add": "{{ b"}}}, "[0].convert.a.add: '{{' has no closing '}}'."),
        (
            {"convert": {"a": {"add": "one"}}},
            "[0].convert.a.add: 'add' takes a number, or a placeholder that gives one",
        ),
        ({"convert": {"a": {"round": "sideways"}}}, "'round' takes a number of decimals, 'up' or 'down', not text."),
        ({"convert": {"a": {"number": {"decimal": 2}}}}, "'number' takes {decimals: 2, point: '.', thousands: ''}"),
        ({"convert": {"a": {"replace": {"": "x"}}}}, "'replace' takes a mapping of texts to what takes their place"),
        (
            {"convert": {"a": {"hash": "sha255"}}},
            "'hash' takes one of md5, sha1, sha256, sha512. Did you mean 'sha256'?",
        ),
        ({"convert": {"a": {"encode": "jsn"}}}, "takes one of base64, html, json, url, xml. Did you mean 'json'?"),
        ({"convert": {"a": {"expression": "a b"}}}, "[0].convert.a.expression: 'a b' is not a JMESPath expression"),
        ({"convert": {"a": {"date": {"form": "iso"}}}}, "[0].convert.a.date.form: unknown option 'form'. Did you mean"),
        ({"convert": {"a": {"date": {"from": "%Q"}}}}, "[0].convert.a.date.from: '%Q' has no meaning in a pattern"),
        (
            {"convert": {"a": {"date": {"to": "ISO"}}}},
            "[0].convert.a.date.to: 'ISO' is not a form of dates. There are: iso",
        ),
        (
            {"convert": {"a": {"date": {"to_zone": "Europe/Londn"}}}},
            "date.to_zone: there is no time zone 'Europe/Londn'. Did you mean 'Europe/London'?",
        ),
        (
            {"halo_dates": {"to": "iso", "moments": ["a"], "zone": "../etc"}},
            "[0].halo_dates.zone: there is no time zone",
        ),
        ({"halo_dates": {"to": "iso"}}, "[0].halo_dates: neither 'moments' nor 'dates' names a field."),
        ({"map_values": {"a": {}}}, "[0].map_values.a: neither 'values' nor 'cases' says what becomes of a value."),
        ({"map_values": {"a": {"cases": [{"value": 1}]}}}, "[0].map_values.a.cases[0]: a case has tests and the value"),
        (
            {"map_values": {"a": {"cases": [{"les_than": 1, "value": 1}]}}},
            "[0].map_values.a.cases[0].les_than: there is no test 'les_than'. Did you mean 'less_than'?",
        ),
        ({"remove": {"a": {"emty": True}}}, "[0].remove.a.emty: there is no test 'emty'. Did you mean 'empty'?"),
        (
            {"remove": []},
            "[0].remove: must be a list of patterns, or a mapping of patterns to tests, not an empty one.",
        ),
        ({"remove": ["a", 1]}, "[0].remove[1]: a pattern is text, not a number."),
        (
            {"for_each": {"a": [{"renam": {}}]}},
            "[0].for_each.a[0].renam: there is no step 'renam'. Did you mean 'rename'?",
        ),
        (
            {"cast": {"a": "int"}},
            "[0].cast.a: must be 'boolean', 'integer', 'list', 'number' or 'text', not 'int'. Did you mean 'integer'?",
        ),
        (
            {"lookup": {"client": "h", "texts": {"a": "Status/1"}}},
            "[0].lookup.texts.a: 'Status/1' is no list. Write one",
        ),
        ({"attachment": {"file": "x"}}, "[0].attachment: needs either 'folder' and 'file', or 'client' and 'uri'."),
        ({"attachment": {"client": "h", "uri": "/a/{id}", "filename": "x"}}, "path gives no value for {id} in uri."),
    ],
)
def test_a_mistake_is_found_where_it_stands(registry, step, says):
    (problem,) = check_steps([step], registry, offered=None)
    assert says in str(problem)


@pytest.mark.parametrize(
    ("step", "entity", "says"),
    [
        ({"convert": {"a": {"multiply": 10}}}, {"a": 10**100}, "a: is a number of more than 100 digits"),
        ({"convert": {"a": {"multiply": "{{ a }}"}}}, {"a": 10**60}, "a: comes to a number of more than 100 digits"),
        ({"convert": {"a": {"decode": "json"}}}, {"a": "[" * 100_000}, "a: holds JSON that is nested too deeply"),
        ({"convert": {"a": {"decode": "json"}}}, {"a": "NaN"}, "a: is text that is not JSON: NaN is no JSON"),
        ({"convert": {"a": {"decode": "json"}}}, {"a": "[1e400]"}, "a: is text that is not JSON: 1e400 is no JSON"),
        ({"convert": {"a": {"decode": "xml"}}}, {"a": "<a>" * 300 + "</a>" * 300}, "nested more than 200 deep"),
        ({"convert": {"a": {"encode": "xml"}}}, {"a": {"a b": 1}}, "a: cannot be written as XML"),
        ({"convert": {"a": {"encode": "xml"}}}, {"a": {"a": [{"p>q": 1}]}}, "'p>q' is no name of an element"),
        ({"convert": {"a": {"encode": "xml"}}}, {"a": {"a": 1, "b": 2}}, "XML is written of an object with one name"),
        ({"convert": {"a": {"decode": "base64"}}}, {"a": "gA=="}, "a: is not the base64 of a text"),
        ({"convert": {"a": {"date": {"from": "unix"}}}}, {"a": 10**90}, "a: is a date at the end of time"),
        ({"convert": {"a": {"date": {"from": "unix"}}}}, {"a": 10**20}, "a: is a date at the end of time"),
        (
            {"halo_dates": {"to": "halo", "moments": ["a"]}},
            {"a": "0001-01-01T00:00:00+10:00"},
            "a: is a date at the end",
        ),
        ({"cast": {"a": "integer"}}, {"a": "1" * 5000}, "a: is text that is not a number"),
    ],
)
def test_values_that_go_too_far_fail_alone(registry, step, entity, says):
    with pytest.raises(TransformError) as caught:
        compile_chain([step], registry).open()([entity])
    assert says in str(caught.value)


def test_the_page_about_values_names_every_conversion_and_form():
    page = (Path(__file__).parents[2] / "docs/transformers-values.md").read_text("utf-8")
    table = page.partition("## Conversions")[2].partition("\n- ")[0]
    for name in [*CONVERSIONS, *ENCODINGS]:
        assert re.search(rf"[`\s]{name}[`:\s]", table), name


def test_the_page_for_those_who_come_from_alumio_has_every_building_block_once_and_names_real_verbs(registry):
    page = (Path(__file__).parents[2] / "docs/alumio-idioms.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| (.+) \|$", page.partition("## Every building block")[2], re.MULTILINE)
    assert len({name for name, _ in rows}) == len(rows) == 95
    steps = [match for _, here in rows for match in re.findall(r"`(\w+): \{", here)]
    assert steps
    assert set(steps) - {"paging", "not"} <= set(registry.names())


def test_the_largest_and_the_longest_numbers_are_rounded_and_written(registry):
    steps = [{"convert": {"a": {"round": 20}, "b": {"number": {"decimals": 20}}, "c": {"multiply": "{{ c }}"}}}]
    entity = {"a": f"{'9' * 95}.{'1' * 300}", "b": 10**99, "c": 10**45 + 1}
    (done,) = compile_chain(steps, registry).open()([entity])
    assert done == {"a": float("9" * 95), "b": f"1{'0' * 99}.{'0' * 20}", "c": (10**45 + 1) ** 2}
