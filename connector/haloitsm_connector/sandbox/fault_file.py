"""Read faults from YAML or a mapping, and say what is wrong with them and where."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from haloitsm_connector.errors import ConfigError, Finding, InputError, NodePath, Problem, dotted, sentence, suggest
from haloitsm_connector.sandbox.faults import KINDS, Change, Fault, Faults, Match

Source = Faults | Mapping[str, Any] | Path | str | None
"""Where faults come from: themselves, a mapping, the path of a YAML file, or nowhere."""

_FORM = "{seed: 1, faults: [{kind: reset}]}"


def read_faults(source: Source, tables: Collection[str]) -> Faults:
    """Return the faults of a source; ``tables`` are the names that a ``change`` may give, in any case.

    ConfigError has every problem of a file, located; InputError those of a mapping, or a file that cannot be read.
    """
    if source is None or isinstance(source, Faults):
        faults = source or Faults()
        findings = [finding for index, fault in enumerate(faults.faults) for finding in _table(fault, index, tables)]
    elif isinstance(source, Mapping):
        faults, findings = _checked(source, tables)
    else:
        return _from_file(Path(source), tables)
    if findings:
        raise InputError("\n".join(f"{dotted(one.path)}: {sentence(one.what, one.hint)}" for one in findings))
    return faults


def _from_file(file: Path, tables: Collection[str]) -> Faults:
    try:
        loader = yaml.SafeLoader(file.read_text("utf-8"))
        node = loader.get_single_node()
        content = loader.construct_document(node) if node else None
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{file}: is not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = (mark.line, mark.column) if mark else (0, 0)
        raise ConfigError([_problem(file, place, Finding((), f"is not YAML: {error.problem}"))]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: is not YAML: {str(error).partition(chr(10))[0]}") from None
    places = dict(_places(node, ())) if node else {}
    faults, findings = _checked(content, tables)
    if findings:
        raise ConfigError(_problem(file, _place(one.path, places), one) for one in findings)
    return faults


def _problem(file: Path, place: tuple[int, int], finding: Finding) -> Problem:
    return Problem(str(file), place[0] + 1, place[1] + 1, dotted(finding.path), finding.what, finding.hint)


def _places(node: yaml.Node, path: NodePath) -> Iterator[tuple[NodePath, tuple[int, int]]]:
    """Tell where everything stands: an entry of a mapping where its key stands, counted from 0."""
    yield path, (node.start_mark.line, node.start_mark.column)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _places(value, (*path, str(key.value)))
            yield (*path, str(key.value)), (key.start_mark.line, key.start_mark.column)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _places(value, (*path, index))


def _place(path: NodePath, places: Mapping[NodePath, tuple[int, int]]) -> tuple[int, int]:
    """Return where a path stands, or else the nearest thing around it."""
    while path and path not in places:
        path = path[:-1]
    return places.get(path, (0, 0))


def _checked(content: Any, tables: Collection[str]) -> tuple[Faults, list[Finding]]:
    if not isinstance(content, Mapping):
        return Faults(), [Finding((), "a mapping is wanted", _FORM)]
    findings = [_unknown((), str(name), ("seed", "faults")) for name in content if name not in ("seed", "faults")]
    seed, listed = content.get("seed", 1), content.get("faults", [])
    if not isinstance(seed, int) or isinstance(seed, bool):
        findings.append(Finding(("seed",), "a whole number is wanted"))
    if not isinstance(listed, (list, tuple)):
        return Faults(), [*findings, Finding(("faults",), "a list is wanted", _FORM)]
    faults = []
    for index, given in enumerate(listed):
        fault, wrong = _fault(given, ("faults", index))
        findings += wrong
        if fault is not None:
            findings += _table(fault, index, tables)
            faults.append(fault)
    return Faults(tuple(faults), seed if isinstance(seed, int) else 1), findings


def _fault(given: Any, path: NodePath) -> tuple[Fault | None, list[Finding]]:
    if isinstance(given, Fault):
        return given, []
    if not isinstance(given, Mapping) or "kind" not in given:
        return None, [Finding(path, "a fault is a mapping with a 'kind'", f"Kinds are {', '.join(KINDS)}.")]
    kind = str(given["kind"])
    if kind not in KINDS:
        hint = suggest(kind, KINDS) or f"There are {', '.join(KINDS)}."
        return None, [Finding((*path, "kind"), f"there is no fault '{kind}'", hint)]
    try:
        return KINDS[kind].model_validate({str(name): value for name, value in given.items()}), []
    except ValidationError as error:
        return None, [_finding(KINDS[kind], one["type"], (*path, *one["loc"]), one["msg"]) for one in error.errors()]


def _finding(model: type[Fault], kind: str, path: NodePath, message: str) -> Finding:
    """Put one of pydantic's errors in plain words."""
    if kind == "extra_forbidden":
        fields = Match.model_fields if "match" in path[:-1] else model.model_fields
        return _unknown(path[:-1], str(path[-1]), fields)
    if kind == "missing":
        return Finding(path[:-1], f"'{path[-1]}' is missing")
    return Finding(path, message.removeprefix("Value error, ").replace("Input should", "it should").rstrip("."))


def _unknown(path: NodePath, name: str, allowed: Collection[str]) -> Finding:
    return Finding((*path, name), f"there is no '{name}' here", suggest(name, allowed) or f"{', '.join(allowed)}.")


def _table(fault: Fault, index: int, tables: Collection[str]) -> list[Finding]:
    if not isinstance(fault, Change) or fault.table.casefold() in {name.casefold() for name in tables}:
        return []
    return [Finding(("faults", index, "table"), f"Halo has no table '{fault.table}'", suggest(fault.table, tables))]
