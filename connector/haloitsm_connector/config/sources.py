"""Find and read the files of a configuration, and merge their sections into one tree of located data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from haloitsm_connector.config.variables import Resolution
from haloitsm_connector.config.yaml_document import Document, Position, read
from haloitsm_connector.errors import Finding, NodePath, Problem, dotted, suggest

SECTIONS: Mapping[str, str] = {
    "clients": "HTTP clients: how to talk to the systems, by name.",
    "transformers": "Named chains of transformers; a bare string in a chain runs the chain of that name.",
    "incoming": "What is read: a subscriber and the transformers behind it, by name.",
    "outgoing": "What is written: transformers and the publisher behind them, by name.",
    "routes": "From one incoming to one outgoing, by name.",
    "storages": "What steps keep between runs, under keys, by name.",
    "schedules": "Routes that haloitsm serve runs at certain times, by name.",
    "maintenance": "Times in which haloitsm serve begins nothing new, by name.",
}
STRICT = "Treat warnings as errors: names and types that Halo's own documents do not know."
PYTHON = "Lets 'python' steps call functions of the modules below a folder; without it there are none."
RETENTION = "Which settled tasks haloitsm serve removes; without it, none."
OPTIONS = ("python", "retention", "strict")
"""What is said once for the whole configuration."""
TOP_LEVEL = (*SECTIONS, *OPTIONS)


@dataclass(slots=True)
class Sources:
    """The merged sections of all files, the position of everything in them, and what is wrong so far."""

    data: dict[str, Any] = field(default_factory=lambda: {section: {} for section in SECTIONS}, repr=False)
    positions: dict[NodePath, Position] = field(default_factory=dict, repr=False)
    problems: list[Problem] = field(default_factory=list)
    broken: set[NodePath] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set, repr=False)
    files: list[Path] = field(default_factory=list)
    folder: Path = Path()
    complete: bool = True

    def where(self, path: NodePath) -> Position:
        """Return the position of a path, or of the deepest part of it that is written."""
        return locate(self.positions, path, self.files)

    def problem(self, finding: Finding) -> Problem:
        """Say where a finding stands."""
        where = self.where(finding.path)
        return Problem(
            where.file, where.line, where.column, dotted(finding.path), finding.what, finding.hint, finding.severity
        )

    def is_broken(self, path: NodePath) -> bool:
        """Whether the value at ``path``, or one around it, could not be read, so that more about it helps nobody."""
        return any(path[:length] in self.broken for length in range(len(path) + 1))


def locate(positions: Mapping[NodePath, Position], path: NodePath, files: Sequence[Path] = ()) -> Position:
    """Return the position of a path, or of the deepest part of it that is known; else the start of the first file."""
    for length in range(len(path), 0, -1):
        if path[:length] in positions:
            return positions[path[:length]]
    return Position(str(files[0]) if files else "", 1, 1)


def read_sources(paths: Iterable[Path], environ: Mapping[str, str], stand_in: str | None = None) -> Sources:
    """Read files, and folders with all the YAML files in them, and merge what they hold."""
    given_paths = list(paths)
    sources = Sources(folder=_folder(given_paths))
    found: dict[Path, Path] = {}
    for given in given_paths:
        files = list(_yaml_files(given))
        if not files:
            sources.complete = False
            sources.problems.append(_no_files(given))
        for file in files:
            found.setdefault(file.resolve(), file)
    sources.files += found.values()
    for file in sources.files:
        _add_file(sources, file, environ, stand_in)
    return sources


def _folder(paths: Sequence[Path]) -> Path:
    """Return the folder of the first path: the path itself, or where the file is."""
    first = paths[0] if paths else Path()
    return first if first.is_dir() else first.parent


def _yaml_files(path: Path) -> Iterator[Path]:
    """Yield a file as it is given; of a folder, its YAML files, without tests (``*.test.yaml``) and dot files."""
    if not path.is_dir():
        if path.exists():
            yield path
        return
    for file in sorted((*path.rglob("*.yaml"), *path.rglob("*.yml"))):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if not hidden and not file.stem.endswith(".test") and file.is_file():
            yield file


def _no_files(path: Path) -> Problem:
    where = Position(str(path), 1, 1)
    if path.is_dir():
        return where.problem((), "there is no YAML file in this folder", "Names end in .yaml or .yml.")
    return where.problem((), "there is no such file or folder")


def _add_file(sources: Sources, file: Path, environ: Mapping[str, str], stand_in: str | None) -> None:
    try:
        content = file.read_bytes()
    except OSError as error:
        sources.complete = False
        sources.problems.append(Position(str(file), 1, 1).problem((), f"this cannot be read: {error.strerror}"))
        return
    document = read(content, str(file))
    sources.problems += document.problems
    if not isinstance(document.data, dict):
        sources.complete = False
        if not document.problems:
            what = "this is not a configuration"
            hint = f"It needs sections as names with a colon: {', '.join(TOP_LEVEL)}."
            sources.problems.append(document.positions[()].problem((), what, hint))
        return
    resolution = Resolution(environ, file.parent, stand_in)
    data = resolution.resolve(document.data)
    sources.secrets |= resolution.secrets
    sources.problems += [
        locate(document.positions, found.path).problem(found.path, found.what, found.hint)
        for found in resolution.findings
    ]
    sources.broken |= document.broken | {found.path for found in resolution.findings}
    _merge(sources, data, document)


def _merge(sources: Sources, data: dict[str, Any], document: Document) -> None:
    """Add the sections of one file; what another file already holds is a problem that names both places."""
    taken: set[NodePath] = set()
    for section, value in data.items():
        at: NodePath = (section,)
        here = document.positions[at]
        if section not in TOP_LEVEL:
            hint = suggest(section, TOP_LEVEL) or f"There are: {', '.join(TOP_LEVEL)}."
            sources.problems.append(here.problem(at, f"unknown section '{section}'", hint))
        elif section in OPTIONS:
            if at in sources.positions:
                taken.add(at)
            sources.data.setdefault(section, value)
        elif not isinstance(value, dict):
            if not sources.is_broken(at):
                hint = "Write name: below it, or remove the section."
                sources.problems.append(here.problem(at, "must be a mapping of names", hint))
        else:
            merged = sources.data[section]
            taken |= {(section, name) for name in value if name in merged}
            merged.update({name: part for name, part in value.items() if name not in merged})
    for path in taken:
        first = sources.positions[path]
        what = f"'{path[-1]}' is defined in another place already: {first}"
        sources.problems.append(document.positions[path].problem(path, what, "Rename or remove one of them."))
    for path, position in document.positions.items():
        if path[:1] not in taken and path[:2] not in taken:
            sources.positions.setdefault(path, position)
