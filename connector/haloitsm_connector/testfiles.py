"""Tests of chains, written as data beside a configuration (``*.test.yaml``): entities in, expected entities out.

Nothing is sent, and no state is kept: what steps meet outside their entities is the ``world`` of each test. Files and
functions of the configuration's folder are the real ones, and so are the catalogue's schemas.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from haloitsm_connector.assemble import Assembly
from haloitsm_connector.config import Config
from haloitsm_connector.config.sources import locate
from haloitsm_connector.config.yaml_document import Document, Position, read
from haloitsm_connector.differences import differences
from haloitsm_connector.errors import ConfigError, Finding, InputError, NodePath, Problem, dotted, suggest
from haloitsm_connector.prototypes import Fields
from haloitsm_connector.validation import validate
from haloitsm_transformers import Chain, Entity, Failure, World
from haloitsm_transformers.capabilities import Source
from haloitsm_transformers.world import OpenWorld

SUFFIXES = (".test.yaml", ".test.yml")


class TestCase(Fields):
    """One test of a chain."""

    __test__ = False  # pytest is not to collect it

    name: str = Field(min_length=1, description="What holds, as a sentence.")
    chain: str = Field(
        description="Path of the steps: transformers.tidy, incoming.tickets.transformers; or routes.sync for all steps "
        "from its incoming's to its outgoing's."
    )
    given: dict[str, Any] | list[dict[str, Any]] = Field(description="One entity, or a list of them.")
    world: World = Field(World(), description="What the steps meet outside their entities.")
    expected: dict[str, Any] | list[dict[str, Any]] = Field([], description="The entities that come out.")
    failed: list[str] = Field([], description="Why entities fail, in their order: a part of each message.")
    stored: dict[str, dict[str, Any]] | None = Field(None, description="What the storages hold afterwards.")


class TestFile(Fields):
    """The tests of one file."""

    __test__ = False

    tests: list[TestCase] = Field(min_length=1, description="Tests, each by itself.")


@dataclass(frozen=True, slots=True)
class Result:
    """What one test gave: ``where`` it stands, what came out, and how that differs from what was expected."""

    where: Position
    index: int
    case: TestCase
    given: Mapping[str, Any]
    """What came out under the names ``expected``, ``failed`` and ``stored``."""

    @property
    def differences(self) -> list[str]:
        """Lines that begin with - (expected, and not there) or + (there, and not expected); none when all is right."""
        return [
            line
            for name, value in self.given.items()
            for line in differences(_wanted(self.case, name, value), value, name)
        ]


def find(path: Path) -> list[Path]:
    """Return the test files of a configuration; InputError where there are none.

    Of a folder all in it, dot files left out; of ``halo.yaml`` the ``halo.test.yaml`` beside it; a test file itself.
    """
    if path.name.endswith(SUFFIXES):
        return [path]
    if path.is_dir():
        found = (file.relative_to(path) for suffix in SUFFIXES for file in path.rglob(f"*{suffix}"))
        files = [path / file for file in sorted(found) if not any(part.startswith(".") for part in file.parts)]
    else:
        files = [file for suffix in SUFFIXES if (file := path.with_name(path.stem + suffix)).exists()]
    if not files:
        raise InputError(f"{path} has no tests", "Those of halo.yaml stand beside it in halo.test.yaml.")
    return files


def run(files: list[Path], config: Config, assembly: Assembly) -> Iterator[Result]:
    """Run the tests of files against a configuration; ConfigError has every problem of all files, before any runs."""
    places = _places(config)
    loaded = [(file, *_load(file, places)) for file in files]
    if problems := [problem for *_, found in loaded for problem in found]:
        raise ConfigError(problems)
    for _, document, cases, _ in loaded:
        for index, case in enumerate(cases):
            chains = [assembly.chain(path) for path in places[case.chain]]
            where = document.positions["tests", index]
            yield Result(where, index, case, _outcome(case, chains, assembly))


def _places(config: Config) -> dict[str, list[NodePath]]:
    """Return what a test can name, each with the paths of its steps."""
    places = {dotted(path): [path] for path in config.steps}
    for name, route in config.routes.items():
        paths: list[NodePath] = [
            ("incoming", route.incoming, "transformers"),
            ("routes", name, "transformers"),
            ("outgoing", route.outgoing, "transformers"),
        ]
        places[f"routes.{name}"] = [path for path in paths if path in config.steps]
    return places


def _load(file: Path, places: Mapping[str, Any]) -> tuple[Document, list[TestCase], list[Problem]]:
    document = read(file.read_bytes(), str(file))
    if document.problems:
        return document, [], list(document.problems)
    loaded, findings = validate(TestFile, document.data)
    cases = loaded.tests if loaded else []
    for index, case in enumerate(cases):
        if case.chain not in places:
            hint = suggest(case.chain, places) or f"There are: {', '.join(sorted(places)) or 'none'}."
            findings.append(Finding(("tests", index, "chain"), f"there are no steps at '{case.chain}'", hint))
    located = (locate(document.positions, found.path, (file,)) for found in findings)
    return (
        document,
        cases,
        [at.problem(each.path, each.what, each.hint) for at, each in zip(located, findings, strict=True)],
    )


def _outcome(case: TestCase, chains: list[Chain], assembly: Assembly) -> dict[str, Any]:
    world = case.world.open()
    failures: list[Failure] = []
    entities = _several(case.given)
    for chain in chains:
        opened = chain.open(failures.append, {**world.capabilities, **_real(case.world, world, assembly)})
        entities = [*opened(entities), *opened.finish()]
    given: dict[str, Any] = {"expected": entities, "failed": [_without_origin(failure) for failure in failures]}
    if case.stored is not None:
        given["stored"] = {name: held for name, held in world.held().items() if held or name in case.stored}
    return given


def _real(world: World, opened: OpenWorld, assembly: Assembly) -> dict[str, Callable[..., Any]]:
    """Return what the configuration has of its own: files and schemas that are not in the test's world, functions."""

    def rows(source: Source, name: str) -> Iterator[Entity]:
        offered = assembly.capabilities if source == "file" and name not in world.rows else opened.capabilities
        read_rows: Iterator[Entity] = offered["rows"](source, name)
        return read_rows

    def file(name: str) -> bytes:
        content: bytes = (opened.capabilities if name in world.files else assembly.capabilities)["files"](name)
        return content

    def schema(operation: str) -> dict[str, Any]:
        offered = opened.capabilities if operation in world.schemas else assembly.capabilities
        found: dict[str, Any] = offered["schemas"](operation)
        return found

    return {"rows": rows, "files": file, "schemas": schema, "modules": assembly.capabilities["modules"]}


def _without_origin(failure: Failure) -> str:
    return str(failure).removeprefix(f"{failure.origin}: ")


def _several(entities: Entity | list[Entity]) -> list[Entity]:
    return entities if isinstance(entities, list) else [entities]


def _wanted(case: TestCase, name: str, given: Any) -> Any:
    """Return what a test expects, in the form of what was given."""
    if name == "expected":
        return _several(case.expected)
    if name == "failed":  # a part of a message stands for all of it
        matches = zip_longest(case.failed, given[: len(case.failed)], fillvalue="")
        return [message if part in message else part for part, message in matches]
    return case.stored


def accept(file: Path, results: list[Result]) -> None:
    """Write what tests of a file gave in place of what they expect; all else in the file stays as it is."""
    text = file.read_bytes().decode("utf-8-sig")
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    tests = next(value for key, value in root.value if key.value == "tests")
    edits: list[tuple[int, int, str]] = []
    for result in results:
        item = tests.value[result.index]
        entries = {key.value: (key, value) for key, value in item.value}
        for name, value in result.given.items():
            if any(differences(_wanted(result.case, name, value), value)):
                written = value[0] if _is_single(result.case, name, value) else value
                edits.append(_edit(item, entries.get(name), name, written, result.where))
    for start, end, written in sorted(edits, reverse=True):
        text = text[:start] + written + text[end:]
    file.write_bytes(text.encode())


def _is_single(case: TestCase, name: str, value: Any) -> bool:
    """Whether one entity went in and one came out, neither of which the test writes as a list."""
    listed = isinstance(case.given, list) or (isinstance(case.expected, list) and case.expected != [])
    return name == "expected" and len(value) == 1 and not listed


def _edit(item: Any, entry: tuple[Any, Any] | None, name: str, value: Any, where: Position) -> tuple[int, int, str]:
    """Return which part of the text to replace by what, so that a test has this entry."""
    if item.flow_style:
        raise InputError(f"{where}: a test inside {{ }} cannot be rewritten", "Write its names on lines of their own.")
    written = _yaml(name, value).replace("\n", "\n" + " " * item.start_mark.column)
    if entry is None:
        end = _end(item)
        return end, end, "\n" + " " * item.start_mark.column + written
    key, old = entry
    if not key.end_mark.index <= old.start_mark.index <= _end(item):
        raise InputError(f"{where}: '{name}' is an alias and cannot be rewritten", "Write its value out.")
    return key.start_mark.index, _end(old), written


def _end(node: Any) -> int:
    """Return where the text of a node ends, without the comments and empty lines behind it."""
    if node.value and not isinstance(node.value, str) and not node.flow_style:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    return end


def _yaml(name: str, value: Any) -> str:
    """Write an entry as YAML that reads back as the same."""
    text = yaml.safe_dump({name: value}, default_flow_style=None, allow_unicode=True, sort_keys=False, width=100)
    if read(text.encode(), name).data != {name: value}:
        text = json.dumps({name: value}, ensure_ascii=False)[1:-1]
    return text.rstrip("\n")
