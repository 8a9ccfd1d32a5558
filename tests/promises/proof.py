"""Prove from a sandbox's journal that the promises were kept: pure, values in, broken promises out."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from math import inf

from play import CRASHED, Played, Ran
from scenario import TABLES, WRITTEN, Chain, Reading, Writing

from haloitsm_connector.client.ledger import LATENCY_SECONDS
from haloitsm_connector.sandbox import Recorded

LOSING = {"reset", "truncated", "wrong_length", "answer"}
"""Faults after which a client has no answer, or another one."""


def broken(played: Played) -> list[str]:
    """Return which promises were not kept, in words; nothing when all were."""
    found = [*_endings(played), *_budget(played), *_tokens(played)]
    for run in played.runs:
        if isinstance(run.job, Reading):
            found += _read(played, run, run.job)
    for job in played.scenario.jobs:
        if isinstance(job, Chain):
            found += _read_on(played, [run for run in played.runs if run.job is job], job)
        if isinstance(job, Writing):
            found += _written(played, [run for run in played.runs if run.job is job], job)
    return found


def _endings(played: Played) -> Iterator[str]:
    for run in played.runs:
        if run.ended is None:
            yield f"a {type(run.job).__name__} had not ended at the deadline"
        elif run.ended.startswith(CRASHED):
            yield run.ended
        elif run.ended.endswith(": "):
            yield f"a {type(run.job).__name__} ended without a word why: {run.ended}"


def _budget(played: Played) -> Iterator[str]:
    budget = played.scenario.budget
    if not budget or played.worst_lag_seconds > LATENCY_SECONDS / 2:
        return
    if played.violations:
        yield f"{played.violations} requests were over the limit"
    times = sorted(request.at for request in played.requests)
    most = max((bisect_left(times, at + 1.0) - index for index, at in enumerate(times)), default=0)
    if most > budget:
        yield f"{most} requests in one second, {budget} are the budget"


def _tokens(played: Played) -> Iterator[str]:
    """Each client fetches one token, and another one when that was refused or grows old."""
    asked = [request for request in played.requests if request.path == "/auth/token"]
    fetched = [one for one in asked if one.status == 200 and not LOSING & {fault.kind for fault in one.faults}]
    refused = {request.headers.get("authorization") for request in played.requests if request.status == 401}
    lasted = played.requests[-1].at - played.requests[0].at if played.requests else 0.0
    lifetime = played.scenario.switches.get("token_lifetime_seconds", 3600)
    due = len(played.runs) * (1 + int(lasted / (lifetime / 2))) + len(refused)
    if len(fetched) > due:
        yield f"{len(fetched)} tokens were fetched, {due} were due"


def _read(played: Played, run: Ran, job: Reading) -> Iterator[str]:
    ids = [one for page in run.told for one in page]
    if any(before >= after for before, after in pairwise(ids)):
        yield "records did not come each once, in the order of ids"
    first = {row["id"] for row in played.scenario.data[job.table]}
    ever = first | _keys(played.requests, job.table, "created")
    # What a request changed is written down with its answer, which may come after that of others: so not up to the end.
    present = first | _keys(played.requests[: run.start], job.table, "created")
    present -= _keys(played.requests, job.table, "deleted")
    whole = run.ended == "well" and (job.limit is None or len(ids) < job.limit)
    reached = inf if whole else ids[-1] if ids else -inf
    if missed := sorted(one for one in present.difference(ids) if one <= reached):
        yield f"{len(missed)} records were missed: {missed[:5]}"
    if invented := set(ids) - ever:
        yield f"records came that never were: {sorted(invented)[:5]}"
    if job.limit is not None and len(ids) > job.limit:
        yield "more came than the limit"


def _read_on(played: Played, runs: list[Ran], job: Chain) -> Iterator[str]:
    """Each record came in the state that it has at the end, and no state twice where nothing was cut off."""
    if runs[-1].ended != "well":
        yield f"the last of a chain did not end well: {runs[-1].ended}"
        return
    told = [(one, text) for run in runs for part in run.told for one, text in part]
    rows = {(key, row[TABLES[job.table]]) for key, row in played.rows[job.table].items()}
    if missed := sorted(rows.difference(told)):
        yield f"{len(missed)} records were missed: {missed[:5]}"
    twice = [one for one, count in Counter(told).items() if count > 1]
    if twice and job.table == "Tickets" and all(run.ended == "well" for run in runs):
        yield f"records came twice: {twice[:5]}"
    if "sweep_hours" in job.incremental:
        # What was told last of each; of what came last before a cut, nobody has kept a cursor.
        kept = [run.told[: -1 if run.ended in ("stopped", "killed") else None] for run in runs]
        there = {one: text for parts in kept for part in parts for one, text in part}
        if wrong := sorted(one for one, text in there.items() if (text is None) != (one not in played.rows[job.table])):
            yield f"is there, and was told to be gone, or the other way round: {wrong[:5]}"


def _keys(requests: list[Recorded], table: str, did: str) -> set[int]:
    effects = (effect for request in requests for effect in request.effects)
    return {effect.key for effect in effects if effect.did == did and effect.table == table}


def _written(played: Played, runs: list[Ran], job: Writing) -> Iterator[str]:
    table = played.rows[WRITTEN]
    created, doubled, unseen = _creations(played.requests, table)
    for run in runs:
        yield from _outcomes(run, job)
    names = Counter(payload["name"] for payload in job.payloads if "id" not in payload)
    for name, wished in names.items():
        told = [Counter(s for n, s, *_ in run.told if _is(job, n, name)) for run in runs]
        mine, total = created[name], sum(told, Counter())
        here = f"{name}: created {mine} times, told {[dict(each) for each in told]}"
        if mine > (1 if job.once else wished):
            yield f"too often: {here}"
        if total["created"] > max(mine, 1 if name in doubled else 0):
            yield f"never created: {here}"
        if runs[0].ended == "well" and mine > told[0]["created"] + told[0]["waiting"] and name not in unseen:
            yield f"not told: {here}"
        if total["skipped"] and not mine:
            yield f"skipped and not there: {here}"
        if len(runs) > 1 and runs[-1].ended == "well" and not mine and not told[-1].keys() & {"waiting", "refused"}:
            yield f"lost: {here}"
        if len(runs) > 1 and job.once and "waiting" in told[-1] and name not in doubled:
            yield f"could be found, and waits: {here}"
    for run in runs:
        yield from _true(run, job, played)


def _is(job: Writing, number: int, name: str) -> bool:
    payload = job.payloads[number]
    return "id" not in payload and payload["name"] == name


def _outcomes(run: Ran, job: Writing) -> Iterator[str]:
    """One outcome for each entity, in their order; an error may leave out those that it was about."""
    numbers = [number for number, *_ in run.told]
    wanted = range(len(job.payloads) if run.ended == "well" else len(numbers))
    if numbers != list(wanted) and (run.ended in ("well", "stopped", "killed") or numbers != sorted(set(numbers))):
        yield f"outcomes are of {numbers}, which are {len(job.payloads)} entities"
    for number, status, _, reason in run.told:
        if status in ("refused", "failed", "waiting") and not reason:
            yield f"{number} is {status} without a reason"


def _true(run: Ran, job: Writing, played: Played) -> Iterator[str]:
    """What is told as done is there, and the last update that is told as done was not undone by an earlier one.

    A server that carries out an update long after its client has given it up, and repeated it, can undo a later one.
    """
    table = played.rows[WRITTEN]
    given_up = any(_lasts(request) > played.scenario.patience_seconds for request in played.requests)
    last: dict[int, set[str]] = {}
    for number, status, id_, _ in run.told:
        payload = job.payloads[number]
        if status == "created" and table.get(id_, {}).get("name") != payload["name"]:
            yield f"{payload} is told as created with id {id_}, which is {table.get(id_, {}).get('name')}"
        if status == "updated" and not given_up:
            last[id_] = {payload["name"]}
        elif payload.get("id") in last:
            last[payload["id"]].add(payload["name"])
    for id_, names in last.items():
        if run is played.runs[-1] and run.ended == "well" and table[id_]["name"] not in names:
            yield f"{id_} is {table[id_]['name']}, and was told to be {names}"


def _lasts(request: Recorded) -> float:
    return sum(fault.seconds for fault in request.faults if fault.kind == "latency")


def _creations(requests: list[Recorded], table: dict[int, dict[str, str]]) -> tuple[Counter[str], set[str], set[str]]:
    """Return how often each name was created by a request of ours, and which of them a fault created once more.

    Last those of a first copy whose second came with a token that had run out in between: no client can know of them.
    """
    counts: Counter[str] = Counter()
    doubled: set[str] = set()
    unseen: set[str] = set()
    for request in requests:
        here = Counter(
            table[effect.key]["name"] for effect in request.effects
            if effect.did == "created" and effect.by == "request" and effect.table == WRITTEN
        )  # fmt: skip
        if any(fault.kind == "duplicate" for fault in request.faults):
            doubled |= set(here)
            unseen |= set(here) if request.status == 401 else set()
            copies = next(fault.copies for fault in request.faults if fault.kind == "duplicate")
            here = Counter({name: -(-count // copies) for name, count in here.items()})
        counts += here
    return counts, doubled, unseen
