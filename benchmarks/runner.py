"""How fast a route runs, and in how much memory: ``python benchmarks/runner.py``, about ten minutes.

Read, ten steps, store, post: as a ratio to what only reading can reach, and to the script that people write, in one
process (*route*) and with a second one that reads (*apart*: ``haloitsm run --read-apart``), of which the bars are; and
1,000,000 tasks in one route. All may use every core that the server leaves. Exit status 1 when a bar is missed.
``--quick`` leaves the million out.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping

from duel import Bar, Contender, Result, contenders, cycles, speed, told
from server import OTHERS, running

NAMES = ("raw", "read", "naive", "route", "apart")
MANY = {"route": 40_000, "apart": 200_000}
"""A second process takes a second to begin, so it is for much at once."""
MILLION = 1_000_000


def main() -> int:
    with running(OTHERS) as address, contenders("runners.py", dict.fromkeys(NAMES, sys.executable)) as jobs:
        here = shown("0 ms", cycles(7, tasks(address, jobs, dict.fromkeys(NAMES, 20_000) | MANY, 0, 4)))
        far = shown("50 ms", cycles(3, tasks(address, jobs, {"naive": 1_000} | MANY, 50, 16)))
        limit, script = speed(here, "apart", "raw"), speed(here, "apart", "naive")
        distant = speed(far, "apart", "naive")
        bars = [
            Bar("read, ten steps, store and post, to the limit of reading", limit.middle, 0.13, spread=str(limit)),
            Bar("the same to the script that people write", script.middle, 2.5, spread=str(script)),
            Bar("the same at 50 ms", distant.middle, 12, spread=str(distant)),
        ]
        if "--quick" not in sys.argv:
            alone = Contender("runners.py", "route")
            run = alone.run({"base": f"{address}/{MILLION}/46.7/0", "parallel": 4})
            alone.end()
            print(f"\n{MILLION:,} tasks: {run['rows'] / run['seconds']:,.0f}/s, {run['peak_mb']:.0f} MB")
            bars.append(Bar("MB of memory for 1,000,000 tasks", run["peak_mb"], most=150))
    return told(bars)


def tasks(
    address: str, jobs: Mapping[str, Contender], rows: Mapping[str, int], latency_ms: int, parallel: int
) -> dict[str, tuple[Contender, Result]]:
    return {
        name: (jobs[name], {"base": f"{address}/{many}/46.7/{latency_ms}", "parallel": parallel})
        for name, many in rows.items()
    }


def shown(title: str, results: dict[str, list[Result]]) -> dict[str, list[Result]]:
    print(f"\n{title} (speed relative to naive)", flush=True)
    for name, runs in results.items():
        rate = statistics.median(run["rows"] / run["seconds"] for run in runs)
        cpu = statistics.median(run["cpu_seconds"] / run["rows"] for run in runs) * 1e6
        peak = max(run["peak_mb"] for run in runs)
        print(f"  {name:<8}{rate:>10,.0f}/s {speed(results, name, 'naive')!s:>24}{cpu:>9.1f} us{peak:>7.0f} MB")
    return results


if __name__ == "__main__":
    raise SystemExit(main())
