"""Play scenarios by the ten thousands, or one of them again: ``make soak``, ``make soak SEED=17``."""

from __future__ import annotations

import argparse
import atexit
import logging
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

from elsewhere import Elsewhere
from play import Played, play
from proof import broken
from scenario import Scenario

from haloitsm_connector.catalogue import Catalogue

SCENARIOS = 50_000
SHOWN_EVERY = 100


def main() -> int:
    """Play what the command line asks for; the status is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", help="play this one alone, and tell all of it")
    parser.add_argument("--count", type=int, default=SCENARIOS, help=f"how many ({SCENARIOS})")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time (one per core)")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        return _again(chosen.seed)
    return _soak(range(chosen.first, chosen.first + chosen.count), chosen.jobs)


def complaint(played: Played) -> str:
    """Say which promises a scenario broke, and the command that plays it again."""
    return "\n".join([f"make soak SEED={played.scenario.seed}", *broken(played)])


def story(played: Played) -> str:
    """Tell a scenario and what became of it."""
    scenario = played.scenario
    lines = [f"{scenario.seed}: {scenario.kind}", *map(str, scenario.jobs), f"cut {scenario.cut}, {scenario.switches}"]
    lines += [f"fault {fault}" for fault in scenario.faults]
    for number, one in enumerate(played.requests):
        happened = [f"{effect.did} {effect.key}" for effect in one.effects]
        lines.append(f"{number:4} {one} {[fault.kind for fault in one.faults]} {', '.join(happened)}")
    lines += [f"{run.start} to {run.end}: {run.ended}\n{run.told}" for run in played.runs]
    return "\n".join(lines)


def _again(seed: int) -> int:
    elsewhere = Elsewhere()
    played = play(Scenario.of(seed), Catalogue.load(), elsewhere)
    elsewhere.close()
    print(story(played))
    print("\n".join(broken(played)) or "All promises were kept.")
    return bool(broken(played))


def _soak(seeds: range, jobs: int) -> int:
    started, endings, failed = time.monotonic(), Counter[str](), 0
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        for done, (ends, complained) in enumerate(pool.map(_one, seeds, chunksize=10), 1):
            endings.update(ends)
            if complained:
                failed += 1
                print(complained, flush=True)
            if done % SHOWN_EVERY == 0 or done == len(seeds):
                rate = done / (time.monotonic() - started)
                print(f"{done} of {len(seeds)} scenarios, {failed} broke a promise, {rate:.1f} per second", flush=True)
    print(", ".join(f"{count} {kind}" for kind, count in endings.most_common()))
    return bool(failed)


def _one(seed: int) -> tuple[list[str], str]:
    """Play one scenario; return how its jobs ended, and what is wrong, if anything is."""
    try:
        played = play(Scenario.of(seed), *_kept())
    except Exception as error:  # whatever it is, the seed must be told
        return [], f"make soak SEED={seed}\n{error!r}"
    endings = [f"{type(run.job).__name__} {str(run.ended).partition(':')[0]}" for run in played.runs]
    return endings, complaint(played) if broken(played) else ""


@cache
def _kept() -> tuple[Catalogue, Elsewhere]:
    """Make what a process plays all its scenarios with, and have it ended with the process."""
    logging.getLogger("haloitsm").addHandler(logging.NullHandler())  # what goes wrong here does so on purpose
    elsewhere = Elsewhere()
    atexit.register(elsewhere.close)
    return Catalogue.load(), elsewhere


if __name__ == "__main__":
    sys.exit(main())
