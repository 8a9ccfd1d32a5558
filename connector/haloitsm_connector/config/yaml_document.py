"""Read one YAML document: its data, the position of everything in it, and what is wrong with it.

Plain scalars follow the core schema of YAML 1.2, and a little more caution: what a reader may take for text stays
text (``on``, ``no``, dates, ``1_0``, ``0123``, ``12:30``). Keys are text as written, so ``404: x`` has the key "404".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from haloitsm_connector.errors import NodePath, Problem, dotted

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML without libyaml: slower, the same results
    from yaml import SafeLoader  # type: ignore[assignment]  # same interface

MAX_DEPTH = 100
MAX_ALIASED_NODES = 100_000
TAG = "tag:yaml.org,2002:"
NOT_YAML = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
QUOTE_BRACES = (
    'Text with { or } at its start, or inside { } and [ ], needs quotes: "{{ name }}", "${NAME}", "GET /Tickets/{id}".'
)


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands: file, line and column, both from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def problem(self, path: NodePath, what: str, hint: str = "") -> Problem:
        """Return an error that stands here."""
        return Problem(self.file, self.line, self.column, dotted(path), what, hint)


@dataclass(frozen=True, slots=True)
class Document:
    """What one file holds.

    ``positions`` has every path in ``data``: a mapping's entry stands where its key stands, a list's item where it
    begins. ``broken`` are the paths whose value could not be read; ``data`` is None when nothing could.
    """

    data: Any
    positions: Mapping[NodePath, Position]
    problems: tuple[Problem, ...] = ()
    broken: frozenset[NodePath] = frozenset()


class _CoreLoader(SafeLoader):
    """Resolves plain scalars by the patterns below and by nothing else."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 (PyYAML's own way; filled right below)


_INTEGER = r"[-+]?(?:0|[1-9][0-9]*)"
for _name, _pattern in {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": rf"{_INTEGER}|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": rf"(?:{_INTEGER}(?:\.[0-9]*)?|[-+]?\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
}.items():
    _CoreLoader.add_implicit_resolver(TAG + _name, re.compile(rf"(?:{_pattern})\Z"), None)


def read(content: bytes, file: str) -> Document:
    """Read the bytes of one YAML file; whatever is wrong is in ``problems``, nothing is raised."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        return _unreadable(_after(before, file), "this is not UTF-8 text", "Save the file as UTF-8.")
    if bad := NOT_YAML.search(text):
        where = _after(text[: bad.start()], file)
        return _unreadable(where, f"the character U+{ord(bad[0]):04X} is not allowed in YAML", "Remove it.")
    try:
        _check_depth(text, file)
        root = yaml.compose(text, Loader=_CoreLoader)
        if root is None:
            return _unreadable(Position(file, 1, 1), "the file is empty", "Remove it, or give it a section.")
        builder = _Builder(file)
        data = builder.build(root, ())
    except yaml.MarkedYAMLError as error:
        return _unreadable(*_syntax(error, text, file))
    except _RefusedError as error:
        return Document(None, {}, (error.problem,))
    return Document(data, builder.positions, tuple(builder.problems.values()), frozenset(builder.broken))


class _RefusedError(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class _Builder:
    """Turns nodes into data, noting the position of each and every problem on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.positions: dict[NodePath, Position] = {}
        self.problems: dict[tuple[Position, str], Problem] = {}
        self.broken: set[NodePath] = set()
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._repeated = 0

    def build(self, node: yaml.Node, path: NodePath) -> Any:
        self.positions.setdefault(path, self._position(node))
        self._bound(node, path)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if node.tag not in {TAG + "map", TAG + "seq"}:
            return self._problem(node, path, *_unknown_tag(node))
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _bound(self, node: yaml.Node, path: NodePath) -> None:
        """Refuse aliases that hold themselves, or that blow a small file up."""
        self._repeated += id(node) in self._seen
        self._seen.add(id(node))
        if id(node) in self._open or self._repeated > MAX_ALIASED_NODES or len(path) > MAX_DEPTH:
            what = "the aliases (*name) of what begins here stand for more than can be read"
            raise _RefusedError(self._position(node).problem((), what, "Write the values out."))

    def _mapping(self, node: yaml.MappingNode, path: NodePath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == "<<" and not key.style:
                merged.append(value)
                continue
            name = self._key(key, path)
            if name is None:
                continue
            child = (*path, name)
            if name in result:
                first = self.positions[child].line
                self._problem(key, child, f"'{name}' is here already, in line {first}", "Remove one of them.")
                continue
            self.positions[child] = self._position(key)
            result[name] = self.build(value, child)
        for value in merged:
            self._merge(value, result, path)
        return result

    def _merge(self, node: yaml.Node, result: dict[str, Any], path: NodePath) -> None:
        """Add the entries of ``<<: *name``; those that stand in the mapping itself come first."""
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            self._bound(source, path)
            if not isinstance(source, yaml.MappingNode):
                self._problem(source, path, "'<<' takes a mapping, or a list of mappings", "Write <<: *name.")
                continue
            known = set(result)
            fresh = [(key, value) for key, value in source.value if getattr(key, "value", None) not in known]
            self._open.add(id(source))
            result.update(self._mapping(yaml.MappingNode(source.tag, fresh, source.start_mark), path))
            self._open.discard(id(source))

    def _key(self, key: yaml.Node, path: NodePath) -> str | None:
        if isinstance(key, yaml.ScalarNode) and key.tag.startswith(TAG) and (key.value or key.style):
            return str(key.value)
        if isinstance(key, yaml.ScalarNode):
            self._problem(key, path, "a key is missing before ':'", "Put text that contains ':' in quotes.")
        elif isinstance(key, yaml.MappingNode) and key.flow_style:
            self._problem(key, path, "braces cannot be a key", QUOTE_BRACES)
        else:
            self._problem(key, path, "a key must be text", "Put it in quotes.")
        return None

    def _scalar(self, node: yaml.ScalarNode, path: NodePath) -> Any:
        value: str = node.value
        try:
            match node.tag.removeprefix(TAG):
                case "str":
                    return value
                case "null":
                    return None
                case "bool":
                    return {"true": True, "false": False}[value.lower()]
                case "int":
                    return _integer(value)
                case "float":
                    return _float(value)
                case _:
                    return self._problem(node, path, *_unknown_tag(node))
        except (ValueError, KeyError):
            return self._problem(node, path, "this number cannot be carried by JSON", "Put it in quotes if it is text.")

    def _problem(self, node: yaml.Node, path: NodePath, what: str, hint: str) -> None:
        """Note a problem; the same one seen again through an alias counts once."""
        where = self._position(node)
        self.problems.setdefault((where, what), where.problem(path, what, hint))
        self.broken.add(path)

    def _position(self, node: yaml.Node) -> Position:
        return _position(node.start_mark, self.file)


def _integer(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    number = int(text, base)
    if not -(2**63) <= number < 2**64:
        raise ValueError(text)
    return number


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _unknown_tag(node: yaml.Node) -> tuple[str, str]:
    return f"the tag '{node.tag.replace(TAG, '!!')}' is not known", QUOTED.format("!")


def _check_depth(text: str, file: str) -> None:
    """Refuse what is nested too deep before composing it: libyaml's composer would crash the process."""
    depth = 0
    for event in _events(text):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            where = _position(event.start_mark, file)
            raise _RefusedError(where.problem((), f"this is nested more than {MAX_DEPTH} levels deep"))


def _events(text: str) -> Iterator[yaml.Event]:
    return yaml.parse(text, Loader=_CoreLoader)


def _position(mark: Any, file: str) -> Position:
    return Position(file, mark.line + 1, mark.column + 1)


def _unreadable(where: Position, what: str, hint: str = "") -> Document:
    return Document(None, {}, (where.problem((), what, hint),))


def _after(before: str, file: str) -> Position:
    lines = re.split(r"\r\n|[\r\n]", before)
    return Position(file, len(lines), len(lines[-1]) + 1)


INDENTATION = "the indentation does not fit the lines above"
ONE_COLUMN = "The lines of one list or mapping begin in one column."
NOT_CLOSED = "the quotes that are opened here are never closed"
QUOTED = "Put text that starts with '{}' in quotes."

# What the parser says (part of its text), what we say, and the hint. The first that fits is used.
SYNTAX = (
    ("another document", "a second document starts here", "Put it into a file of its own."),
    ("undefined alias", "no '&name' stands before this '*name'", QUOTED.format("*")),
    ("tag", "this tag is not known", QUOTED.format("!")),
    (
        "mapping values are not allowed",
        "':' is not expected here",
        "Check the indentation, or put text that contains ': ' in quotes.",
    ),
    ("unexpected end of stream", NOT_CLOSED, "Close them."),
    ("document indicator", NOT_CLOSED, "Close them."),
    ("escape", "this backslash means nothing", "Use single quotes, or write it twice."),
    ("',' or '}'", "the '{' before this is not closed", QUOTE_BRACES),
    ("',' or ']'", "the '[' before this is not closed", "Put ',' between the items and ']' at the end."),
    ("did not find expected", INDENTATION, ONE_COLUMN),
    ("expected <block end>", INDENTATION, ONE_COLUMN),
    ("could not find expected ':'", "this key has no ':' after it", "Write key: value."),
)


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> tuple[Position, str, str]:
    """Say where a syntax error is and what it means."""
    said = f"{error.problem}"
    opened = "end of stream" in said or "document indicator" in said
    mark = (error.context_mark if opened else None) or error.problem_mark
    if mark is None:
        return Position(file, 1, 1), "this is not YAML", ""
    where = _position(mark, file)
    if "cannot start any token" in said:
        lines = text.splitlines()
        character = lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""
        if character == "\t":
            return where, "a tab cannot indent", "Use spaces."
        return where, f"a value cannot start with '{character}'", "Put it in quotes."
    for part, what, hint in SYNTAX:
        if part in said:
            return where, what, hint
    return where, f"this is not YAML: {said}", ""
