"""What must always hold for the steps that change one entity."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from haloitsm_transformers import Registry, StepsError, TransformError, World, check_steps, compile_chain
from haloitsm_transformers.conversions import CONVERSIONS
from haloitsm_transformers.numerals import number

REGISTRY = Registry.installed()
NAMES = st.sampled_from(["a", "b", "c", "0", "1", "x.y", "*"])
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)
ENTITIES = st.dictionaries(NAMES, VALUES, max_size=5)
PATTERNS = st.lists(st.sampled_from(["a", "b", "0", "*", '"x.y"']), min_size=1, max_size=3).map(".".join)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ZONES = st.sampled_from(["UTC", "Europe/London", "Asia/Kathmandu", "Pacific/Auckland", "America/St_Johns"])
CONVERSION_OPTIONS = {
    "replace": {"a": "bb", "b": ""},
    "prefix": "{{ b }}",
    "suffix": "-",
    "cut": 2,
    "hash": "sha256",
    "split": ",",
    "join": "/",
    "number": {"decimals": 2, "thousands": "'"},
    "date": {"to": "%d.%m.%Y", "to_zone": "Asia/Kathmandu"},
    "encode": "json",
    "decode": "html",
    "expression": "to_string(@)",
}


def some(keys, values):
    return st.dictionaries(keys, values, min_size=1, max_size=3)


def one_conversion(name):
    if CONVERSIONS[name].schema is None:
        return name
    return {name: CONVERSION_OPTIONS.get(name, 2)}


TYPES = st.sampled_from(["boolean", "integer", "list", "number", "text"])
CONVERTED = st.lists(st.sampled_from([*CONVERSIONS]).map(one_conversion), min_size=1, max_size=3)
KEYS = st.fixed_dictionaries({"key": st.just("a")}, optional={"value": st.just("b"), "many": st.booleans()})
STEPS = st.one_of(
    st.builds(lambda p: {"keep": p}, st.lists(PATTERNS, min_size=1, max_size=3)),
    st.builds(lambda p: {"default": p}, some(PATTERNS, VALUES)),
    st.builds(lambda p: {"merge": p}, some(PATTERNS, ENTITIES | st.just("{{ a }}"))),
    st.builds(lambda p: {"cast": p}, some(PATTERNS, TYPES)),
    st.builds(lambda p: {"convert": p}, some(PATTERNS, CONVERTED)),
    st.builds(lambda p: {"map_values": {p: {"values": {"1": 2}, "cases": [{"type": "text", "value": "t"}]}}}, PATTERNS),
    st.builds(lambda p, t: {"remove": {p: {"type": t}}}, PATTERNS, st.sampled_from(["text", "null", "list", "object"])),
    st.builds(lambda p: {"key_by": p}, some(PATTERNS, KEYS)),
    st.builds(lambda p: {"to_rows": p}, some(PATTERNS, KEYS)),
    st.builds(lambda p: {"for_each": {p: [{"filter": "b"}, {"set": {"c": "{{ a }}"}}]}}, PATTERNS),
    st.builds(lambda p: {"for_each": {p: [{"split": {"items": "a"}}, {"sort": {"by": ["b"]}}]}}, PATTERNS),
    st.builds(lambda p, to: {"custom_fields": {"at": p, "to": to}}, PATTERNS, st.sampled_from(["list", "object"])),
    st.builds(
        lambda p, to: {"halo_dates": {"moments": [p], "dates": [p], "to": to}},
        PATTERNS,
        st.sampled_from(["iso", "halo"]),
    ),
)


def only(steps, entity):
    (result,) = compile_chain(steps, REGISTRY).open()([entity])
    return result


@given(st.lists(STEPS, min_size=1, max_size=3), st.lists(ENTITIES, max_size=3))
@settings(max_examples=150, deadline=None)
def test_any_of_them_over_any_json_gives_json_or_a_clear_failure_and_leaves_its_input_alone(steps, entities):
    try:
        chain = compile_chain(steps, REGISTRY)
    except StepsError:
        assume(False)
    before = copy.deepcopy(entities)
    failures = []
    done = chain.open(failures.append)(entities)
    assert entities == before
    assert json.loads(json.dumps(done)) == done
    assert len(done) + len(failures) == len(entities)
    assert not [failure for failure in failures if "unexpected" in failure.what]


VERBS = st.sampled_from(
    [
        "keep",
        "default",
        "merge",
        "cast",
        "convert",
        "map_values",
        "remove",
        "key_by",
        "to_rows",
        "for_each",
        "custom_fields",
        "asset_fields",
        "halo_dates",
        "attachment",
        "lookup",
    ]
)
WORDS = st.sampled_from(
    [*CONVERSIONS, "values", "cases", "otherwise", "key", "to", "at", "texts", "client", "file", "a"]
)
OPTIONS = st.recursive(
    SCALARS | WORDS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2), max_leaves=6
)


@given(VERBS, OPTIONS | st.dictionaries(st.just("a"), st.dictionaries(WORDS, OPTIONS, max_size=2)), ENTITIES)
@settings(max_examples=150, deadline=None)
def test_any_options_are_either_sound_or_refused_with_a_place(verb, options, entity):
    step = {verb: options}
    problems = check_steps([step], REGISTRY, offered=None)
    assert all(problem.what and problem.path[:2] == (0, verb) for problem in problems)
    if not problems:
        failures = []
        compile_chain([step], REGISTRY).open(failures.append, World().open().capabilities)([entity])
        assert not [failure for failure in failures if "unexpected" in failure.what]


@given(st.sampled_from(sorted(CONVERSIONS)), OPTIONS, VALUES)
@settings(max_examples=150, deadline=None)
def test_any_option_of_a_conversion_is_either_sound_or_refused_with_a_place(name, option, value):
    steps = [{"convert": {"a": {name: option}}}]
    if check_steps(steps, REGISTRY):
        return
    failures = []
    compile_chain(steps, REGISTRY).open(failures.append)([{"a": value}])
    assert not [failure for failure in failures if "unexpected" in failure.what]


@given(ENTITIES, st.lists(PATTERNS.filter(lambda pattern: "0" not in pattern), min_size=1, max_size=3))
def test_what_is_kept_is_kept_again(entity, patterns):
    kept = only([{"keep": patterns}], entity)
    assert only([{"keep": patterns}], kept) == kept
    assert only([{"keep": ["*"]}], entity) == entity


@given(ENTITIES, st.sampled_from(["a", "b.*", "*.a"]))
def test_what_is_kept_and_what_is_removed_is_all_there_is(entity, pattern):
    kept, rest = only([{"keep": [pattern]}], entity), only([{"remove": [pattern]}], entity)
    assert sorted(leaves(kept) + leaves(rest)) == sorted(leaves(entity))


def leaves(value):
    """Every scalar inside, as JSON."""
    if isinstance(value, dict):
        return [found for inner in value.values() for found in leaves(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in leaves(inner)]
    return [json.dumps(value)]


@given(ENTITIES, st.sampled_from(["a", "*.a", "b.*"]), VALUES.filter(lambda value: value is not None))
def test_a_default_changes_nothing_that_is_there(entity, pattern, value):
    try:
        filled = only([{"default": {pattern: value}}], entity)
    except TransformError:
        return
    assert only([{"default": {pattern: "other"}}], filled) == filled
    found = only([{"keep": [pattern]}, {"remove": {pattern: {"equals": None}}}], entity)
    assert all(leaf in leaves(filled) for leaf in leaves(found))


@given(st.dictionaries(NAMES, VALUES, max_size=3), st.dictionaries(NAMES, VALUES, max_size=3))
def test_a_merge_puts_in_what_it_is_given_and_does_so_once(old, new):
    merged = only([{"merge": {"o": "{{ n }}"}}], {"o": old, "n": new})["o"]
    assert merged.keys() == old.keys() | new.keys()
    for name, value in new.items():
        if not isinstance(value, dict):
            assert merged[name] == value
    assert only([{"merge": {"o": "{{ n }}"}}], {"o": merged, "n": new})["o"] == merged


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_as_text(value):
    back = only([{"cast": {"a": "text"}}, {"cast": {"a": "number"}}], {"a": value})["a"]
    assert back == value


@given(SCALARS | st.lists(SCALARS, max_size=2), TYPES)
def test_a_cast_done_twice_is_a_cast_done_once(value, kind):
    try:
        once = only([{"cast": {"a": kind}}], {"a": value})
    except TransformError:
        return
    assert only([{"cast": {"a": kind}}], once) == once


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_a_transform_error(text):
    try:
        found = number(text)
    except TransformError:
        return
    assert found == float(text)


@given(TEXTS | st.integers() | st.booleans(), st.sampled_from(["base64", "url"]))
def test_what_is_encoded_as_text_is_decoded_to_the_same_text(value, form):
    written = only([{"cast": {"a": "text"}}], {"a": value})["a"]
    assert only([{"convert": {"a": [{"encode": form}, {"decode": form}]}}], {"a": value})["a"] == written


@given(VALUES.filter(lambda value: value is not None))
def test_json_is_decoded_to_the_same_value(value):
    assert only([{"convert": {"a": [{"encode": "json"}, {"decode": "json"}]}}], {"a": value})["a"] == value


PRINTED = st.text(st.characters(exclude_categories=["C"]), max_size=10).map(lambda text: " ".join(text.split()) or None)


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.lists(PRINTED, min_size=2, max_size=3), min_size=1))
def test_xml_is_decoded_to_the_same_lists(rows):
    there_and_back = {"convert": {"x": [{"encode": "xml"}, {"decode": "xml"}]}}
    assert only([there_and_back], {"x": {"root": rows}}) == {"x": {"root": rows}}


@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30).filter(bool))
def test_arithmetic_on_whole_numbers_is_exact(a, b):
    steps = {
        "plus": [{"add": "{{ b }}"}, {"subtract": "{{ b }}"}],
        "times": [{"multiply": "{{ b }}"}, {"divide": "{{ b }}"}],
    }
    assert only([{"convert": steps}], {"plus": a, "times": a, "b": b}) == {"plus": a, "times": a, "b": b}


@given(st.decimals(-(10**12), 10**12, places=4), st.integers(0, 4))
def test_rounding_keeps_within_half_a_step_and_agrees_with_its_text(value, digits):
    given_text = str(value)
    rounded = only(
        [{"convert": {"a": {"round": digits}, "b": {"number": {"decimals": digits}}}}],
        {"a": given_text, "b": given_text},
    )
    assert abs(rounded["a"] - float(value)) <= 0.5 * 10**-digits + 1e-3
    assert float(rounded["b"]) == rounded["a"]


ROWS = st.lists(
    st.fixed_dictionaries({"k": st.text(max_size=3)}, optional={"n": SCALARS, "m": VALUES}),
    max_size=5,
    unique_by=lambda row: row["k"],
)


@given(ROWS)
def test_rows_keyed_and_made_rows_again_are_as_before(rows):
    keyed = only([{"key_by": {"l": {"key": "k"}}}], {"l": rows})
    assert list(keyed["l"]) == [row["k"] for row in rows]
    assert only([{"to_rows": {"l": {"key": "k"}}}], keyed) == {"l": rows}


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=4))
def test_names_and_values_made_rows_and_keyed_again_are_as_before(named):
    options = {"o": {"key": "name", "value": "value"}}
    assert only([{"to_rows": options}, {"key_by": options}], {"o": named}) == {"o": named}


@given(st.lists(st.fixed_dictionaries({"k": st.sampled_from(["x", "y", 1]), "n": SCALARS}), max_size=6))
def test_rows_that_are_grouped_and_ungrouped_are_all_there_in_the_order_of_their_groups(rows):
    options = {"l": {"key": "k", "many": True}}
    grouped = only([{"key_by": options}], {"l": rows})["l"]
    assert {name: [row["n"] for row in group] for name, group in grouped.items()} == {
        str(key): [row["n"] for row in rows if row["k"] == key] for key in dict.fromkeys(row["k"] for row in rows)
    }
    back = only([{"to_rows": options}], {"l": grouped})["l"]
    assert sorted(map(json.dumps, back)) == sorted(map(json.dumps, rows))


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=3), max_size=5))
def test_for_each_does_to_the_items_what_a_chain_does_to_a_stream(items):
    steps = [{"filter": {"a": {"exists": True}}}, {"set": {"n": "{{ b }}"}}, {"sort": {"by": ["to_string(a)"]}}]
    opened = compile_chain(steps, REGISTRY).open()
    expected = [*opened(items), *opened.finish()]
    assert only([{"for_each": {"l.*": steps}}], {"l": items}) == {"l": expected}


@given(st.lists(st.sampled_from(["1", "x", "2"]), min_size=1, max_size=6))
def test_for_each_holds_nothing_of_an_entity_that_failed(texts):
    steps = [{"for_each": {"l.*": [{"sort": {"by": ["n"]}}, {"cast": {"n": "integer"}}]}}]
    run = compile_chain(steps, REGISTRY).open(lambda failure: None)
    for text in texts:
        done = run([{"l": [{"n": "0"}, {"n": text}]}])
        assert done == ([] if text == "x" else [{"l": [{"n": 0}, {"n": int(text)}]}])


@given(st.dictionaries(st.sampled_from(["CFa", "CFb", "x", "12"]), VALUES, max_size=3))
def test_custom_fields_written_and_read_are_as_before(named):
    back_and_forth = [{"custom_fields": {"to": "list"}}, {"custom_fields": {"to": "object"}}]
    assert only(back_and_forth, {"customfields": named}) == {"customfields": named}


STAMPS = st.datetimes(datetime(1901, 1, 2), datetime(9998, 12, 30)).map(
    lambda at: at.replace(microsecond=0).isoformat()
)
FRACTIONS = st.integers(0, 7).flatmap(lambda size: st.text("0123456789", min_size=size, max_size=size))


@given(STAMPS, FRACTIONS, ZONES)
def test_a_halo_date_written_for_others_and_back_is_as_before(stamp, fraction, zone):
    given_stamp = f"{stamp}.{fraction}".removesuffix(".")
    out, back = ({"halo_dates": {"to": to, "moments": ["a"], "zone": zone}} for to in ("iso", "halo"))
    there = only([out], {"a": given_stamp})
    assert datetime.fromisoformat(there["a"]) == datetime.fromisoformat(given_stamp).replace(tzinfo=UTC)
    assert only([back], there) == {"a": given_stamp}


@given(st.dates(datetime(1901, 1, 2).date(), datetime(9998, 12, 30).date()), ZONES)
def test_a_date_without_time_keeps_its_day_in_any_zone(day, zone):
    out, back = ({"halo_dates": {"to": to, "dates": ["a"], "zone": zone}} for to in ("halo", "iso"))
    there = only([out], {"a": day.isoformat()})
    noon = datetime.fromisoformat(there["a"]).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    assert (noon.date(), noon.hour) == (day, 12)
    assert only([back], there) == {"a": day.isoformat()}


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)), ZONES)
def test_a_date_survives_other_forms(at, zone):
    stamp = at.replace(microsecond=0).isoformat()
    pattern = "%d/%m/%Y %H:%M:%S"
    there = [{"date": {"to": pattern}}, {"date": {"from": pattern}}]
    assert only([{"convert": {"a": there}}], {"a": stamp})["a"] == stamp
    seconds = [{"date": {"from_zone": "UTC", "to": "unix"}}, {"date": {"from": "unix", "to_zone": zone}}]
    moved = only([{"convert": {"a": seconds}}], {"a": stamp})["a"]
    assert datetime.fromisoformat(moved) == at.replace(microsecond=0, tzinfo=UTC)
