"""The journal of intents: what a publisher is given so that a create is on record before it is sent.

A journal belongs to a job, which runs once at a time. A run that was cut off leaves its intents behind; the next run of
the job takes them up: what was created is not created again, and what is unknown is looked up, or waits for a person.
A run that comes to its end forgets what was created, so that the same job creates anew tomorrow; what is unknown stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from haloitsm_connector.client.request import Request
from haloitsm_connector.errors import InputError


@dataclass(frozen=True, slots=True)
class Intent:
    """A create: on record before it is sent, and settled when it is known what became of it.

    ``identity`` is the same for the same create in another run. ``at`` is when it was sent last, in seconds since 1970,
    ``number`` the journal's own name for it (0: on no record). ``done``: it was created, with ``id``; else ``reason``
    says what happened, empty while it is under way. ``answer`` holds ``status`` and ``response`` of a create that is
    done, as long as something is yet to be made of them.
    """

    identity: str
    request: str
    payload: Any = field(default=None, repr=False)
    number: int = 0
    at: float = 0.0
    done: bool = False
    id: Any = None
    reason: str = ""
    job: str = ""
    answer: Any = field(default=None, repr=False)

    @property
    def when(self) -> str:
        """When it was sent last: ``2026-11-22 04:13:21 UTC``."""
        return f"{datetime.fromtimestamp(self.at, UTC):%Y-%m-%d %H:%M:%S} UTC"


class Run(Protocol):
    """The journal during one run of its job. Each method raises StateError when nothing can be kept."""

    def left_behind(self, identity: str) -> Intent | None:
        """Take an intent that an earlier run left behind; each is taken once."""

    def intend(self, intents: Sequence[Intent]) -> list[Intent]:
        """Record intents, with number and time; they are on disk when this returns."""

    def keep(self, intents: Sequence[Intent]) -> None:
        """Record what became of intents."""

    def forget(self, intents: Sequence[Intent]) -> None:
        """Take intents back whose request certainly had no effect."""


class Journal(Protocol):
    """Where the intents of one job are kept."""

    def begin(self) -> AbstractContextManager[Run]:
        """Begin a run, which ends well when the block ends without an error; StateError while another run goes on."""


class NoJournal:
    """Keeps nothing: a run that is cut off leaves no trace of what was under way."""

    def begin(self) -> AbstractContextManager[Run]:
        """Begin a run of which nothing is kept."""
        return nullcontext(self)

    def left_behind(self, identity: str) -> Intent | None:
        """Return None: nothing is kept."""
        return None

    def intend(self, intents: Sequence[Intent]) -> list[Intent]:
        """Return the intents as they are."""
        return list(intents)

    def keep(self, intents: Sequence[Intent]) -> None:
        """Do nothing."""

    def forget(self, intents: Sequence[Intent]) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class EndingWith:
    """A journal whose runs end when ``stack`` is left: only then is all that follows from their outcomes kept."""

    journal: Journal
    stack: ExitStack

    def begin(self) -> AbstractContextManager[Run]:
        """Begin a run that outlives the block."""
        return nullcontext(self.stack.enter_context(self.journal.begin()))


def identity_of(*parts: Any) -> str:
    """Return what is the same for the same parts only, of JSON values and bytes; InputError for what JSON has not."""
    digest = hashlib.sha256()
    for part in parts:
        try:
            content = part if isinstance(part, bytes) else orjson.dumps(part, option=orjson.OPT_SORT_KEYS)
        except TypeError as error:
            raise InputError(f"the payload cannot be written as JSON: {error}") from None
        digest.update(b"%d:%b" % (len(content), content))
    return digest.hexdigest()


def identity_of_request(request: Request) -> str:
    """Return the identity of a create that is known by nothing but its request."""
    files = [part for file in request.files for part in (file.field, file.name, file.content)]
    return identity_of(request.method, request.target, request.payload, *files)
