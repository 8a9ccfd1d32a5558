"""What can go wrong, grouped by what to do about it::

    ConnectorError
    ├── ConfigError            fix the configuration; carries every Problem
    ├── InputError             fix what was given: an argument, an entity name, a data file
    ├── EntityError            one entity cannot go on; the others do
    ├── StateError             what is remembered between runs cannot be read or kept
    │   └── HeldError              another run of the same job goes on: wait until it ends
    └── RemoteError            the other side failed
        ├── UnreachableError       no connection, or no answer in time; safe to send again
        │   └── StoppedError           it waited to be sent when the run was told to stop
        ├── AuthenticationError    no token, or the token was refused
        ├── StatusError            an answer with an error status
        ├── AnswerError            an answer that cannot be read, or that contradicts itself
        └── LostAnswerError        a write may have taken effect, and nobody told us

Each says what happened and, as its hint, what to do.
"""

from __future__ import annotations

import copyreg
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]
NodePath = tuple[str | int, ...]
"""Where in a document: mapping keys and list indexes from the root."""


def suggest(word: str, allowed: Iterable[str]) -> str:
    """Return "Did you mean 'x'?" for the allowed name nearest to ``word``, or an empty string."""
    names = {name.casefold(): name for name in allowed}
    near = difflib.get_close_matches(word.casefold(), names, n=1)
    return f"Did you mean '{names[near[0]]}'?" if near else ""


def dotted(path: NodePath) -> str:
    """Write a path the way messages show it: ``incoming.tickets.transformers[2].set``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem that does not know its file yet: a path inside what was checked, and a sentence."""

    path: NodePath
    what: str
    hint: str = ""
    severity: Severity = "error"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One located problem; its text reads ``file:line:column: path: what. hint``."""

    file: str
    line: int
    column: int
    path: str
    what: str
    hint: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        warning = "warning: " if self.severity == "warning" else ""
        path = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}:{self.column}: {warning}{path}{sentence(self.what, self.hint)}"


def sentence(what: str, hint: str = "") -> str:
    """Join a statement and a hint into text that ends in one full stop."""
    end = "" if what.endswith((".", "?", "!")) else "."
    return f"{what}{end} {hint}".rstrip()


class ConnectorError(Exception):
    """Anything this package raises on purpose: ``what`` happened, and a ``hint`` what to do."""

    exit_status = 1
    ends_run = False
    """Whether no entity can go on where this is raised inside a step."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return sentence(self.what, self.hint)

    def __reduce__(self) -> tuple[Any, ...]:
        # Made anew without its constructor, which may ask for more than what exceptions keep by themselves: as every
        # object is that is no exception. typeshed leaves the name out.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class ConfigError(ConnectorError):
    """The configuration has problems; ``problems`` holds all of them, located and sorted."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))

    def __str__(self) -> str:
        return self.what


class InputError(ConnectorError):
    """Something given by the caller cannot be used: an entity name, a path value, a data file."""


class EntityError(ConnectorError):
    """One entity cannot go on; ``origin`` says where in the configuration the step that failed stands."""

    exit_status = 4

    def __init__(self, what: str, hint: str = "", *, origin: str = "", entity: object = None) -> None:
        super().__init__(f"{origin}: {what}" if origin else what, hint)
        self.origin = origin
        self.entity = entity


class StateError(ConnectorError):
    """A state cannot be used: not one of ours, damaged, locked, not writable, not reachable, or without room."""

    ends_run = True


class HeldError(StateError):
    """Somebody else is at it just now: another run of the same job, in this process or in another; ``who`` it is."""

    def __init__(self, what: str, hint: str = "", *, who: str = "") -> None:
        super().__init__(what, hint)
        self.who = who


class RemoteError(ConnectorError):
    """The other side failed; ``url`` is where, without secrets."""

    exit_status = 3

    def __init__(self, what: str, hint: str = "", *, url: str = "") -> None:
        super().__init__(what, hint)
        self.url = url


class UnreachableError(RemoteError):
    """No connection or no answer in time; safe to send again: it never left, or may be done twice without harm.

    ``sent`` says that it had left, so that the other side is there.
    """

    def __init__(self, what: str, hint: str = "", *, url: str = "", sent: bool = False) -> None:
        super().__init__(what, hint, url=url)
        self.sent = sent
        self.ends_run = not sent  # nobody is there: the next entity would fare no better


class StoppedError(UnreachableError):
    """A request waited to be sent, or sent again, when the run was told to stop: whoever runs next sends it."""


class AuthenticationError(RemoteError):
    """No access token could be had, or Halo refused the one it gave."""

    ends_run = True


class StatusError(RemoteError):
    """The answer has an error ``status``; ``reason`` is Halo's own text in plain words."""

    def __init__(self, what: str, hint: str = "", *, url: str = "", status: int, reason: str = "") -> None:
        super().__init__(what, hint, url=url)
        self.status = status
        self.reason = reason


class AnswerError(RemoteError):
    """The answer cannot be read: truncated, not JSON, a gateway's page, or an error hidden in a 200."""


class LostAnswerError(RemoteError):
    """The request left, no answer came back, and repeating it could do the thing twice."""
