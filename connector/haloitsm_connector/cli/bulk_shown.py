"""What ``haloitsm bulk`` shows: previews, questions, progress, and what came of a run."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from haloitsm_connector.cli import output
from haloitsm_connector.errors import InputError

if TYPE_CHECKING:
    from haloitsm_connector.bulk.record import Record, RunInfo

Steps = Generator[int, None, None]
"""What tells now and then how many rows are done."""
LONGEST_VALUE = 60
_MOST_COLUMNS = 30
VERBS = {"update": "update", "create": "create", "delete": "delete", "undo": "put back"}
NOUNS = {"update": "record", "create": "new record", "delete": "record", "undo": "record"}


def followed(what: str, steps: Steps, total: int = 0, *, note: str = "") -> None:
    """Carry steps out, and show at a terminal how far they are and how long the rest may take."""
    began = time.monotonic()
    with closing(steps):  # interrupted here, they store what they know before anything else is done
        for done in steps:
            rest = f" of {total:,}{_left(time.monotonic() - began, done, total)}" if total else ""
            output.progress(f"{what}: {done:,}{rest}{note} …")
    output.progress("")


def _left(seconds: float, done: int, total: int) -> str:
    if not done or done >= total or seconds < 1:
        return ""
    left = seconds / done * (total - done)
    return f", about {left / 60:.0f} min left" if left >= 90 else f", about {left:.0f} s left"


def some(changes: Iterator[dict[str, Any]], *, full: bool) -> list[dict[str, Any]]:
    """Return the first changes, or all of them."""
    from haloitsm_connector.bulk.preview import SAMPLE

    return list(changes if full else islice(changes, SAMPLE))


def preview(told: Mapping[str, Any], full: bool) -> None:
    """Show what is about to be sent, and what is left out."""
    _say_notes(told["notes"])
    kind, sending = told["kind"], told["sending"]
    output.show(f"{told['source']}: {output.counted(told['rows'], 'row')}; {VERBS[kind]} {_records(kind, sending)}")
    if told["columns"]:
        output.show(f"columns written: {', '.join(_as(*column) for column in told['columns'].items())}")
    for line in _unused(told["unused_columns"]):
        output.show(line)
    for name, count in {**dict.fromkeys(told["empty"], 0), **told["fields"]}.items():
        output.show(f"  {name}: {count}{_empty(told['empty'].get(name, 0))}")
    rows = [row for change in told["changes"] for row in _lines(change, kind)]
    if kind == "create":
        _new(told["changes"])
    elif rows:
        output.table(_COLUMNS[kind], rows)
    if sending > len(told["changes"]) and not full:
        output.show(f"… and {sending - len(told['changes'])} more; --full shows all.")
    for line in _left_out(told):
        output.show(line)


def _empty(count: int) -> str:
    return f" (empty in {output.counted(count, 'row')}, where it stays; --clear-empty empties it)" if count else ""


@contextmanager
def noted(notes: Sequence[str]) -> Iterator[None]:
    """Say with a mistake in what was given what should be known about the rows: their sheet may be another one."""
    try:
        yield
    except InputError:
        _say_notes(notes)
        raise


def note(text: str) -> None:
    """Say what should be known about the rows."""
    output.say(f"{text[0].upper()}{text[1:]}.")


def _say_notes(notes: Sequence[str]) -> None:
    for each in notes:
        note(each)


def _as(column: str, field: str) -> str:
    return column if column == field else f"{column} as {field}"


def _unused(columns: Mapping[str, str]) -> Iterator[str]:
    """Say which columns are not used, those in one line of which the same is to be said."""
    for hint in dict.fromkeys(columns.values()):
        names = [f"'{name}'" for name, why in columns.items() if why == hint]
        more = f" and {len(names) - _MOST_COLUMNS} more" if len(names) > _MOST_COLUMNS else ""
        which = f"column {names[0]} is" if len(names) == 1 else f"columns {', '.join(names[:_MOST_COLUMNS])}{more} are"
        yield f"{which} not used" + (f": {hint}" if hint else "")


_COLUMNS = {
    "update": ("id", "name", "field", "old", "new"),
    "undo": ("id", "name", "field", "now", "put back"),
    "delete": ("id", "name"),
}


def _lines(change: Mapping[str, Any], kind: str) -> Iterator[tuple[Any, ...]]:
    if kind == "delete":
        yield change["id"], change["name"]
    for name, (old, new) in change["changes"].items():
        yield change["id"], change["name"], name, *_apart(_seen(old), _seen(new))


def _new(changes: Sequence[Mapping[str, Any]]) -> None:
    """Show the records that will be made, a line each."""
    fields = list(dict.fromkeys(name for change in changes for name in change["changes"]))
    rows = [
        (
            change["line"],
            *(_short(_seen(change["changes"][name][1])) if name in change["changes"] else "" for name in fields),
        )
        for change in changes
    ]
    if rows:
        output.table(("line", *fields), rows)


def _left_out(told: Mapping[str, Any]) -> Iterator[str]:
    if told["done_before"]:
        yield f"left out: {output.counted(told['done_before'], 'row')} that an earlier run has done"
    for one in told["left_out"]:
        yield _group(one, "left as it is" if one["status"] in _OF_UNDO else "left out")
    if told["later"]:
        yield f"for later: {output.counted(told['later'], 'row')}; the same command goes on with them"


def left_out_since(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Say what is left out besides what the preview told."""
    told = set(_left_out(before))
    for line in _left_out(now):
        if line not in told:
            output.say(line)


_OF_UNDO = ("left as it is", "partly put back")


def _group(group: Mapping[str, Any], word: str) -> str:
    """Say what became of rows, which they are, and why, by the first of them."""
    told = "; ".join(f"{_places(one['lines'], one['rows'])}: {one['reason']}" for one in group["reasons"])
    others = group["rows"] - sum(one["rows"] for one in group["reasons"])
    return f"{word}: {told}" + (f"; and {output.counted(others, 'row')} like these" if others else "")


def _places(lines: list[int], count: int) -> str:
    named = ", ".join(map(str, lines)) if any(lines) else ""
    if not named:
        return output.counted(count, "row")
    more = f" and {count - len(lines)} more" if count > len(lines) else ""
    return f"line{'s' if count > 1 else ''} {named}{more}"


def _seen(value: Any) -> str:
    """Write a value so that every character of it is seen: blanks but for single ones between words as signs."""
    if value is None:
        return "(nothing)"
    text = value if isinstance(value, str) else output.json_text(value)
    return _BLANKS.sub(lambda found: "".join(_SIGNS.get(one) or f"\\u{ord(one):04x}" for one in found[0]), text)


_BLANKS = re.compile(r"^\s+|\s+$|\s{2,}|[^\S ]")
_SIGNS = {" ": "␣", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _short(text: str) -> str:
    return output.shortened(text, LONGEST_VALUE)


def _apart(old: str, new: str) -> tuple[str, str]:
    """Cut two texts, to the part in which they differ where that is not at their beginning."""
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    start = alike - LONGEST_VALUE // 2
    if start <= 0 or _short(old) != _short(new):
        return _short(old), _short(new)
    return _short(f"…{old[start:]}"), _short(f"…{new[start:]}")


def _records(kind: str, count: int) -> str:
    return output.counted(count, NOUNS[kind])


def agreed(told: Mapping[str, Any], yes: bool, expected: int | None, asks: bool) -> bool:
    """Ask whether to send; a delete wants the number of records. InputError where nobody can be asked."""
    kind, count = told["kind"], told["sending"]
    if expected not in (None, count, count + told["outcomes"].get("deleted", 0)):  # of all, where it goes on
        raise InputError(f"{_records(kind, count)} would be deleted, and not {expected}", "Nothing was deleted.")
    if expected is not None or (yes and kind != "delete"):
        return True
    if yes:
        raise InputError(f"{_records(kind, count)} would be deleted, and --yes does not say how many", _COUNT)
    instead = f"Add {'--count NUMBER' if kind == 'delete' else '--yes'}; nothing was sent."
    if not asks:
        raise InputError("standard input holds the rows, so nobody can be asked", instead)
    question = f"{VERBS[kind].capitalize()} {_records(kind, count)} in {told['system']}?"
    if kind != "delete":
        return confirmed(question, instead)
    typed = _answer(f"{question} Type the number:", instead)
    if typed != str(count):
        raise InputError(f"{typed} is not {count}" if typed else "no number was typed", "Nothing was deleted.")
    return True


def confirmed(question: str, instead: str) -> bool:
    """Ask whether to do something; InputError with what to do instead where nobody answers."""
    return _answer(f"{question} [y/N]", instead).casefold() in ("y", "yes")


def _answer(question: str, instead: str) -> str:
    """Ask a person, beside what is printed as data; InputError with what to do instead where nobody answers."""
    sys.stdout.flush()
    typer.echo(f"{output.harmless(question)} ", err=True, nl=False)
    try:
        return input().strip()
    except (EOFError, RuntimeError):  # a RuntimeError where there is no standard input at all
        typer.echo(err=True)
        raise InputError("nobody has answered", instead) from None


def nothing_sent(told: Mapping[str, Any], as_json: bool, *, dry_run: bool) -> None:
    """Say that nothing was sent."""
    if as_json:
        output.show_json(told)
    elif told["sending"]:
        output.say("Nothing was sent." if not dry_run else "Nothing was sent; without --dry-run it is.")
    else:
        output.say("There is nothing to send.")


def done_before(record: Record, as_json: bool) -> None:
    """Say that the very same was carried out already."""
    if as_json:
        output.show_json({**_run(record), "done_before": True})
        return
    when = _when(record.info.changed)
    output.say(f"Run {record.number} has carried this out already, on {when}: {_summary(record.counts())}.")
    output.say("Nothing was sent; --again does it once more.")


def stopped(record: Record, result: Path) -> None:
    """Say how far a run came that was stopped, and write its result so far, or say why there is none."""
    from haloitsm_connector.bulk.result import write_result

    try:
        write_result(record, result)
    except InputError as error:
        output.say(str(error))
    output.say(f"Run {record.number} was stopped: {_summary(record.counts())}. The same command goes on.")


def ended(record: Record, told: Mapping[str, Any], result: Path, as_json: bool) -> bool:
    """Write the result of a run, say what came of it, and return whether somebody has to look at some of its rows."""
    from haloitsm_connector.bulk.preview import grouped
    from haloitsm_connector.bulk.record import PROBLEMS
    from haloitsm_connector.bulk.result import write_result

    write_result(record, result)
    counts = record.counts()
    if as_json:
        output.show_json({**told, "outcomes": dict(counts), "result": str(result)})
    else:
        for group in grouped(record, *_AFTERWARDS):
            output.say(_group(group, group["status"]))
        output.say(f"Run {record.number}: {_summary(counts)}. The result is in {result}.")
        if counts["updated"] or counts["created"]:
            output.say(f"Undo: haloitsm bulk undo {record.number}")
        elif counts["deleted"]:
            output.say(f"Copies of them: haloitsm bulk show {record.number} --copies FILE")
    return any(counts[status] for status in PROBLEMS)


_AFTERWARDS = ("refused", "failed", "waiting")
_COUNT = "Say it with --count NUMBER, or type it without --yes. Nothing was deleted."


def runs(records: Iterable[Record], as_json: bool) -> None:
    """Show runs, one line each."""
    rows = [_run(record) for record in records]
    if as_json:
        output.show_json(rows)
    elif not rows:
        output.say("There is no bulk run.")
    else:
        output.table(
            ("run", "when", "what", "rows from", "status", "outcomes"),
            [
                (one["run"], one["when"], f"{one['kind']} {one['entity']}", one["source"], one["status"], one["told"])
                for one in rows
            ],
        )


def run(record: Record, told: Mapping[str, Any], as_json: bool) -> None:
    """Show one run."""
    from haloitsm_connector.bulk.preview import grouped

    shown = _run(record)
    if as_json:
        output.show_json({**shown, "left_out": told["left_out"]})
        return
    output.show(heading(record.info))
    output.show(f"{shown['source']}: {shown['status']}, {shown['told']}")
    for line in _left_out(told):
        output.show(line)
    for group in grouped(record, *_AFTERWARDS, "partly put back"):
        output.show(_group(group, group["status"]))


def heading(info: RunInfo) -> str:
    """Say which run it is."""
    return f"run {info.number} of {_when(info.began)}: {info.kind} {info.entity} in {info.system}"


def _run(record: Record) -> dict[str, Any]:
    from haloitsm_connector.bulk.record import Runs
    from haloitsm_connector.bulk.undo import standing

    info, counts = record.info, record.counts()
    return {
        "run": info.number,
        "when": _when(info.began),
        "kind": info.kind,
        "entity": info.entity,
        "system": info.system,
        "source": info.source,
        "status": standing(Runs(record.database), info),
        "outcomes": dict(counts),
        "told": _summary(counts),
        "undoes": info.undoes,
    }


def _summary(counts: Mapping[str, int]) -> str:
    words = {
        "read": "to do",
        "ready": "to do",
        "equal": "as wanted already",
        "skipped": "there already",
        "missing": "not there",
    }
    told: dict[str, int] = {}
    for status, count in counts.items():
        word = words.get(status, status)
        told[word] = told.get(word, 0) + count
    return ", ".join(f"{count} {word}" for word, count in told.items()) or "no rows"


def _when(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
