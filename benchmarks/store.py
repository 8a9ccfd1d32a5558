"""What tasks cost in a state: ``python benchmarks/store.py``, some minutes.

Prints what storing and settling 10,000 records of 2 KB costs beside scripts that keep a batch of them, or each, in a
row, and what each operation of a queue costs at 1,000,000 tasks beside 1,000; exit status 1 when a bar is missed.
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
    """Store and settle in turn with the scripts: one that keeps batches, and one with a row for each record."""
    with contenders("stores.py", dict.fromkeys(("script", "rows", "Tasks"), sys.executable)) as running:
        results = cycles(CYCLES, {name: (one, {"records": RECORDS}) for name, one in running.items()})
    print(f"{RECORDS:,} records of 2 KB, 500 in a transaction: records/s")
    for name, runs in results.items():
        steps = [step for step in runs[0] if step != "records"]
        rates = (f"{step} {RECORDS / statistics.median(run[step] for run in runs):>11,.0f}" for step in steps)
        print(f"  {name:<8}{'   '.join(rates)}")
    return [faster(results, "add", "script", 0.7), faster(results, "settle", "rows", 3)]


def faster(results: dict[str, list[Result]], step: str, other: str, least: float) -> Bar:
    """Return the bar of how much faster a step is in the store than elsewhere."""
    ratio = Ratio.of(*([1 / run[step] for run in results[name]] for name in ("Tasks", other)))
    return Bar(f"speed of {step} to that of {other}", ratio.middle, least=least, spread=str(ratio))


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
