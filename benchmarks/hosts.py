"""How fast tickets are read in other hosts, beside the REST reader of their SDK: ``python benchmarks/hosts.py``.

One interleaved run per table against one server; ``make hosts`` installs the hosts. Exit status 1 when a bar is missed.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

from duel import Bar, contenders, cycles, speed, told
from server import running

ENVIRONMENTS = Path(__file__).parents[1] / ".venv-hosts"
PAIRS = {
    "airbyte": ("source-haloitsm", "DeclarativeSource"),
    "dlt": ("haloitsm_source", "rest_api"),
    "singer": ("tap-haloitsm", "RESTStream"),
}
"""By environment: our reader, and the SDK's own."""
LEAST = 3
UNJUDGED = {("dlt", 0)}
"""Environments and latencies without a bar: what rest_api loses is the time that it waits for each page."""
GAP = 46.7


@dataclass(frozen=True)
class Table:
    """A table of tickets, and how often it is read."""

    rows: int
    latency_ms: int
    cycles: int

    def __str__(self) -> str:
        return f"{self.rows:,} tickets, {self.latency_ms} ms"


TABLES = (Table(100_000, 0, 2), Table(100_000, 50, 2))


def main() -> int:
    pythons = {name: ENVIRONMENTS / host / "bin" / "python" for host, pair in PAIRS.items() for name in pair}
    if missing := sorted({str(python.parents[1]) for python in pythons.values() if not python.exists()}):
        raise SystemExit(f"not installed: {', '.join(missing)}. Run 'make hosts'.")
    bars: list[Bar] = []
    with running() as address, contenders("host_readers.py", pythons) as all_of_them:
        for table in TABLES:
            task = {"base": f"{address}/{table.rows}/{GAP}/{table.latency_ms}", "page_size": 100}
            results = cycles(table.cycles, {name: (one, task) for name, one in all_of_them.items()})
            print(f"\n{table}")
            for name, runs in results.items():
                if any(run["rows"] != table.rows for run in runs):
                    raise SystemExit(f"{name} read {runs[0]['rows']} rows of {table.rows}")
                rate = statistics.median(run["rows"] / run["seconds"] for run in runs)
                cpu = statistics.median(run["cpu_seconds"] / run["rows"] * 1e6 for run in runs)
                print(f"  {name:<16}{rate:>10,.0f} rows/s {cpu:>8.1f} us/row")
            for host, (ours, generic) in PAIRS.items():
                ratio = speed(results, ours, generic)
                words = f"{table}: speed of {ours} to that of {generic}"
                if (host, table.latency_ms) in UNJUDGED:
                    print(f"  {words}: {ratio}")
                else:
                    bars.append(Bar(words, ratio.middle, least=LEAST, spread=str(ratio)))
    return told(bars)


if __name__ == "__main__":
    raise SystemExit(main())
