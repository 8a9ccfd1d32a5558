"""Which tasks a command means: one set of options for all of them, and the filter that they make."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from haloitsm_connector.cli.choosing import since
from haloitsm_connector.errors import InputError, suggest

if TYPE_CHECKING:
    from haloitsm_connector.pipeline import Pipeline
    from haloitsm_connector.store.statuses import Status
    from haloitsm_connector.store.tasks import Tasks
    from haloitsm_connector.store.tasks_listed import Filter


@dataclass(frozen=True)
class Choice:
    """What the options of a command choose, as it was typed; each field is an option."""

    route: Annotated[str | None, typer.Option(help='Only tasks of this route, or of "ROUTE results".')] = None
    status: Annotated[str | None, typer.Option(help="Only these statuses: failed,retry.")] = None
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what changed since then: 2h, 7d, 2026-03-31T06:00.")
    ] = None
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only what has not changed since then.")] = None
    key: Annotated[str | None, typer.Option(help="Only tasks with this key.")] = None
    text: Annotated[str | None, typer.Option(help="Only tasks whose reason holds this text.")] = None

    def filter(self, pipeline: Pipeline, tasks: Tasks, numbers: Sequence[int] = ()) -> Filter:
        """Return the filter that is meant; InputError for a route or a status that there is not."""
        from haloitsm_connector.store.tasks_listed import Filter

        return Filter(
            queue=None if self.route is None else _queue(pipeline, tasks, self.route),
            statuses=() if self.status is None else _statuses(self.status),
            key=self.key,
            numbers=tuple(numbers),
            since=None if self.since is None else since(self.since),
            until=None if self.until is None else since(self.until, "--until"),
            text=self.text or "",
        )


def _queue(pipeline: Pipeline, tasks: Tasks, name: str) -> str:
    known = list(dict.fromkeys((*pipeline.config.routes, *tasks.counts())))
    if name not in known:
        hint = suggest(name, known) or f"There are: {', '.join(known) or 'none'}."
        raise InputError(f"there is no route '{name}', and no task of one", hint)
    return name


def _statuses(text: str) -> tuple[Status, ...]:
    from haloitsm_connector.store.statuses import STATUSES

    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in STATUSES:
            hint = suggest(word, STATUSES) or f"There are: {', '.join(STATUSES)}."
            raise InputError(f"there is no status '{word}'", hint)
    return tuple(status for status in STATUSES if status in words)


def chooses(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `Choice`, in place of its parameter ``choice``."""
    kinds = get_type_hints(Choice, include_extras=True)
    options = [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=kinds[one.name])
        for one in fields(Choice)
    ]

    @functools.wraps(command)
    def chosen(**given: Any) -> None:
        command(choice=Choice(**{one.name: given.pop(one.name) for one in options}), **given)

    signature = inspect.signature(command, eval_str=True)
    own = [one.replace(kind=one.KEYWORD_ONLY) for one in signature.parameters.values() if one.name != "choice"]
    # Where options begin, those that choose come first.
    place = next((index for index, one in enumerate(own) if one.name in ("everything", "limit", "state")), len(own))
    parameters = [*own[:place], *options, *own[place:]]
    chosen.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    chosen.__annotations__ = {one.name: one.annotation for one in parameters}
    return chosen
