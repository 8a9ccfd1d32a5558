"""What tasks cost in a state: ``python benchmarks/store.py``, some minutes.

Prints what storing and settling 10,000 records of 2 KB costs beside a script that keeps a batch of them in a row, and
what each operation of a queue costs at 1,000,000 tasks beside 1,000; exit status 1 when a bar is missed.
"""

from __future__ import annotations

import statistics
import sys

from duel import Bar, Ratio, Result, contenders, cycles, told

RECORDS = 10_000
CYCLES = 11


def main() -> int:
    return told([*beside_a_script(), *grown()])


def beside_a_script() -> list[Bar]:
    """Store and settle in turn with the script."""
    with contenders("stores.py", dict.fromkeys(("script", "Tasks"), sys.executable)) as running:
        results = cycles(CYCLES, {name: (one, {"records": RECORDS}) for name, one in running.items()})
    print(f"{RECORDS:,} records of 2 KB, 500 in a transaction: records/s")
    for name, runs in results.items():
        steps = [step for step in runs[0] if step != "records"]
        rates = (f"{step} {RECORDS / statistics.median(run[step] for run in runs):>11,.0f}" for step in steps)
        print(f"  {name:<8}{'   '.join(rates)}")
    added = Ratio.of([1 / run["add"] for run in results["Tasks"]], [1 / run["add"] for run in results["script"]])
    best = max(RECORDS / run["settle"] for run in results["Tasks"])
    return [
        Bar("speed of storing to that of the script", added.middle, least=0.7, spread=str(added)),
        Bar("records settled in a second, the best of all runs", best, least=1e6, spread=f"{best:,.0f}"),
    ]


def grown() -> list[Bar]:
    """Do what is done to a queue, in a small and in a large state in turn."""
    with contenders("stores.py", dict.fromkeys(("small", "large"), sys.executable)) as running:
        results = cycles(20 * CYCLES, {name: (one, {"records": 1}) for name, one in running.items()})
    print("\n1,000,000 tasks beside 1,000: milliseconds")
    bars = []
    for step in (name for name in results["small"][0] if name != "records"):
        ratio = Ratio.of(*(seconds(results[name], step) for name in ("large", "small")))
        small, large = (statistics.median(seconds(results[name], step)) * 1e3 for name in ("small", "large"))
        print(f"  {step:<20}{small:>8.3f}{large:>8.3f}")
        bars.append(Bar(f"cost at 1,000,000 tasks to that at 1,000: {step}", ratio.middle, most=2.0, spread=str(ratio)))
    return bars


def seconds(runs: list[Result], step: str) -> list[float]:
    return [run[step] for run in runs]


if __name__ == "__main__":
    raise SystemExit(main())
