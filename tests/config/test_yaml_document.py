from __future__ import annotations

import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.config.yaml_document import (
    MAX_ALIASED_NODES,
    MAX_DEPTH,
    ONE_COLUMN,
    QUOTE_BRACES,
    QUOTED,
    Document,
    read,
)

FILE = "halo.yaml"


def parse(text: str) -> Document:
    return read(text.encode(), FILE)


def problems(text: str) -> list[str]:
    return [str(problem) for problem in parse(text).problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0o17", 15),
        ("0x1f", 31),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        *((text, text) for text in ("on", "off", "yes", "no", "y", "2024-05-01", "2024-05-01T10:00:00Z", "1_0")),
        *((text, text) for text in ("0123", "12:30", "12:30:45", "0b101", "+", "1.2.3", "AC12", "TRue", "0x", "=")),
    ],
)
def test_scalars_follow_yaml_1_2_and_leave_text_alone(written: str, value: object) -> None:
    document = parse(f"a: {written}\n")
    assert document.problems == ()
    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)


def test_keys_are_text_as_written() -> None:
    assert parse("404: x\non: y\ntrue: z\nnull: n\n1.0: f\n").data == {
        "404": "x",
        "on": "y",
        "true": "z",
        "null": "n",
        "1.0": "f",
    }


def test_every_entry_and_every_item_has_its_position() -> None:
    document = parse("a:\n  - b: {c: 1,\n      d: 2}\n  - x\n")
    where = {path: (position.line, position.column) for path, position in document.positions.items()}
    assert where == {
        (): (1, 1),
        ("a",): (1, 1),
        ("a", 0): (2, 5),
        ("a", 0, "b"): (2, 5),
        ("a", 0, "b", "c"): (2, 9),
        ("a", 0, "b", "d"): (3, 7),
        ("a", 1): (4, 5),
    }
    assert str(document.positions["a", 1]) == "halo.yaml:4:5"


def test_a_key_given_twice_is_a_problem_at_the_second_that_names_the_first() -> None:
    document = parse("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert document.data == {"a": {"b": 1, "c": 2}}
    assert problems("a:\n  b: 1\n  c: 2\n  b: 3\n") == [
        "halo.yaml:4:3: a.b: 'b' is here already, in line 2. Remove one of them."
    ]


def test_keys_that_differ_only_in_quotes_are_the_same_key() -> None:
    assert len(problems("'404': x\n404: y\n")) == 1


def test_aliases_repeat_a_value_and_merge_keys_give_way_to_what_stands_there() -> None:
    text = "a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\nd:\n  <<: [*a, {y: 4, z: 5}]\n"
    document = parse(text)
    assert document.problems == ()
    assert document.data == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 2},
        "c": {"y": 3, "x": 1},
        "d": {"x": 1, "y": 2, "z": 5},
    }
    assert document.data["a"] is not document.data["b"]
    assert document.positions["c", "x"].line == 1


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "a: &a {b: *a}",
        "a: &a {<<: *a}",
        "a: &a {<<: [*a]}",
        "x0: &x0 [1]\n" + "".join(f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 9)}]\n" for i in range(1, 12)),
        "x0: &x0 {a: 1}\n" + "".join(f"x{i}: &x{i} {{<<: [{', '.join([f'*x{i - 1}'] * 9)}]}}\n" for i in range(1, 12)),
        "x0: &x0 [1]\n" + "".join(f"x{i}: &x{i} [*x{i - 1}]\n" for i in range(1, MAX_DEPTH + 5)),
    ],
)
def test_aliases_that_blow_up_are_refused(text: str) -> None:
    document = parse(text)
    assert document.data is None
    assert [problem.what for problem in document.problems] == [
        "the aliases (*name) of what begins here stand for more than can be read"
    ]


def test_a_large_file_without_aliases_is_read() -> None:
    items = MAX_ALIASED_NODES // 20
    assert len(parse("a:\n" + "- {b: 1}\n" * items).data["a"]) == items


@pytest.mark.parametrize("opened", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused_where_it_becomes_too_deep(opened: str) -> None:
    document = parse(opened * 20_000)
    assert [problem.what for problem in document.problems] == [f"this is nested more than {MAX_DEPTH} levels deep"]
    assert document.problems[0].column == MAX_DEPTH * len(opened) + 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a:\n\tb: 1\n", "2:1: a tab cannot indent. Use spaces."),
        ("a: @x\n", "1:4: a value cannot start with '@'. Put it in quotes."),
        (
            "a: b: c\n",
            "1:5: ':' is not expected here. Check the indentation, or put text that contains ': ' in quotes.",
        ),
        ("a: 'x\nb: 1\n", "1:4: the quotes that are opened here are never closed. Close them."),
        ('a: "\\q"\n', "1:5: this backslash means nothing. Use single quotes, or write it twice."),
        ("a: *b\n", "1:4: no '&name' stands before this '*name'. Put text that starts with '*' in quotes."),
        ("a: 1\n---\nb: 2\n", "2:1: a second document starts here. Put it into a file of its own."),
        ("- a\nb: 1\n", f"2:1: the indentation does not fit the lines above. {ONE_COLUMN}"),
        ("a: [1, 2\nb: 3\n", "2:2: the '[' before this is not closed. Put ',' between the items and ']' at the end."),
        ("a: !secret x\n", "1:4: a: the tag '!secret' is not known. Put text that starts with '!' in quotes."),
        (
            "a: !!python/name:os.system x\n",
            f"1:4: a: the tag '!!python/name:os.system' is not known. {QUOTED.format('!')}",
        ),
        ("a: !!map [1]\n", None),
        ("a: .nan\n", "1:4: a: this number cannot be carried by JSON. Put it in quotes if it is text."),
        ("a: 1e999\n", "1:4: a: this number cannot be carried by JSON. Put it in quotes if it is text."),
        (f"a: {'9' * 5000}\n", "1:4: a: this number cannot be carried by JSON. Put it in quotes if it is text."),
        ("a: !!int x\n", "1:4: a: this number cannot be carried by JSON. Put it in quotes if it is text."),
        ("a: {{ x }}\n", f"1:5: a: braces cannot be a key. {QUOTE_BRACES}"),
        ("a: {b: ${X}}\n", f"1:9: the '{{' before this is not closed. {QUOTE_BRACES}"),
        ("? [a]\n: 1\n", "1:3: a key must be text. Put it in quotes."),
        ("? \n: 1\n", "1:2: a key is missing before ':'. Put text that contains ':' in quotes."),
        ("a: {<<: 3}\n", "1:9: a: '<<' takes a mapping, or a list of mappings. Write <<: *name."),
        ("", "1:1: the file is empty. Remove it, or give it a section."),
        ("# nothing\n", "1:1: the file is empty. Remove it, or give it a section."),
        ("a: \x07\n", "1:4: the character U+0007 is not allowed in YAML. Remove it."),
        ("%YAML 3.0\n---\na: 1\n", "1:1: this is not YAML: found incompatible YAML document"),
    ],
)
def test_what_is_not_yaml_is_one_located_problem_in_plain_words(text: str, problem: str | None) -> None:
    found = problems(text)
    if problem is not None:
        assert [line.removesuffix(".") for line in found] == [f"halo.yaml:{problem}".removesuffix(".")]


def test_a_byte_order_mark_is_ignored_and_counts_for_no_column() -> None:
    document = read("\ufeffa: 1\n".encode(), FILE)
    assert document.data == {"a": 1}
    assert document.positions["a",].column == 1


@pytest.mark.parametrize(
    ("content", "where"),
    [(b"a: 1\nb: \xff\n", "2:4"), ("a: 1".encode("utf-16"), "1:1"), ("é: é\nb: ".encode() + b"\xe9", "2:4")],
)
def test_text_that_is_not_utf_8_is_located(content: bytes, where: str) -> None:
    assert [str(problem) for problem in read(content, FILE).problems] == [
        f"halo.yaml:{where}: this is not UTF-8 text. Save the file as UTF-8."
    ]


def test_an_unreadable_value_is_marked_so_that_nobody_complains_about_it_again() -> None:
    assert parse("a:\n  b: !x 1\n").broken == {("a", "b")}


words = st.text(string.ascii_letters + "äß€😀 ", min_size=1, max_size=6).map(str.strip).filter(bool)
scalars = words | st.integers(-99, 99) | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=12
)


@settings(max_examples=100)
@given(st.dictionaries(words, trees, min_size=1, max_size=4), st.booleans())
def test_positions_point_at_the_right_character(data: dict[str, object], flow: bool) -> None:
    text = yaml.safe_dump(data, allow_unicode=True, default_flow_style=flow, default_style='"' if flow else None)
    document = parse(text)
    lines = text.split("\n")
    for path, position in document.positions.items():
        rest = lines[position.line - 1][position.column - 1 :]
        if path and isinstance(path[-1], str):
            key = rest.lstrip("? ").lstrip("\"'")
            assert key.startswith(path[-1].split(" ")[0]) or "\\" in key
        elif path:
            assert rest
            assert lines[position.line - 1][: position.column - 1].rstrip().endswith(("-", "[", ",", ""))


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text("{}[]:-&*!|>'\"%@`#?,<~ \n\t$ab0.", max_size=60))
def test_no_text_raises(text: str) -> None:
    document = read(text.encode("utf-8", "surrogatepass"), FILE)
    assert document.data is not None or document.problems or text.strip()
    for problem in document.problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert len(str(problem)) < 500


@settings(max_examples=100, deadline=None)
@given(st.binary())
def test_no_bytes_raise(content: bytes) -> None:
    read(content, FILE)


def test_every_key_of_the_committed_configurations_is_where_its_position_says() -> None:
    for file in (Path(__file__).parents[2] / "configs").rglob("*.yaml"):
        lines = file.read_text("utf-8").splitlines()
        document = read(file.read_bytes(), str(file))
        assert document.problems == ()
        for path, position in document.positions.items():
            if path and isinstance(path[-1], str):
                assert lines[position.line - 1][position.column - 1 :].startswith(path[-1])
