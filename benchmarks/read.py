"""How fast, and in how much memory, tickets are read: ``python benchmarks/read.py``, about three minutes.

One interleaved run per table against one server that is not the bottleneck. Prints every figure as a ratio to the
limit, and whether each bar is met; exit status 1 when one is not.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from duel import Bar, Contender, Ratio, Result, contenders, cycles, speed, told
from peers import python_of
from server import running
from tickets import id_of

NAMES = ("undecoded", "raw", "verified", "fast", "httpx", "pycurl-multi", "halopsa", "haloitsm-python")
PACKAGES = ("halopsa", "haloitsm-python")
IN_FLIGHT = 16
GAP = 46.7
"""One id is missing for every so many rows, as where tickets were deleted."""
FEW, MANY = 10_000, 1_000_000


@dataclass(frozen=True)
class Table:
    """One table to read: its pages, its latency, and how many rows each contender reads of it in a cycle."""

    page_size: int
    latency_ms: int
    cycles: int
    rows: dict[str, int]

    def __str__(self) -> str:
        return f"pages of {self.page_size:,}, {self.latency_ms} ms"


WITHOUT = {name: 10_000 for name in NAMES if name != "pycurl-multi"}
TABLES = (
    Table(100, 0, 15, WITHOUT),
    Table(1_000, 0, 15, WITHOUT),
    Table(100, 50, 9, {"pycurl-multi": 40_000, "verified": 40_000, "fast": 40_000} | dict.fromkeys(PACKAGES, 2_000)),
    Table(
        1_000, 50, 15, {"pycurl-multi": 80_000, "verified": 80_000, "fast": 80_000} | dict.fromkeys(PACKAGES, 10_000)
    ),
)


def main() -> int:
    bars: list[Bar] = []
    with running() as address, contenders("readers.py", {name: python_of(name) for name in NAMES}) as all_of_them:
        for table in TABLES:
            tasks = {name: (all_of_them[name], task(address, rows, table)) for name, rows in table.rows.items()}
            results = cycles(table.cycles, tasks)
            check(table, results)
            bars += compared(table, results)
        bars += remembered(address)
    return told(bars)


def task(address: str, rows: int, table: Table) -> Result:
    parallel = IN_FLIGHT if table.latency_ms else 8
    return {"base": f"{address}/{rows}/{GAP}/{table.latency_ms}", "page_size": table.page_size, "parallel": parallel}


def check(table: Table, results: dict[str, list[Result]]) -> None:
    """Refuse to compare what did not read everything."""
    for name, runs in results.items():
        rows = table.rows[name]
        for run in runs:
            if name == "undecoded":
                run["rows"] = rows
            elif (run["rows"], run["checksum"]) != (rows, sum(id_of(number, GAP) for number in range(rows))):
                raise SystemExit(f"{name} read {run['rows']} rows of {rows}, or others")


def compared(table: Table, results: dict[str, list[Result]]) -> list[Bar]:
    """Print one table's figures, and return its bars."""
    reference = "pycurl-multi" if table.latency_ms else "raw"
    print(f"\n{table} (speed and processor time relative to {reference})")
    for name, runs in results.items():
        rate = statistics.median(run["rows"] / run["seconds"] for run in runs)
        cpu = [run["cpu_seconds"] / run["rows"] * 1e6 for run in runs]
        cpu_ratio = Ratio.of(cpu, (run["cpu_seconds"] / run["rows"] * 1e6 for run in results[reference]))
        print(
            f"  {name:<16}{rate:>10,.0f} rows/s {speed(results, name, reference)!s:>20}"
            f"{statistics.median(cpu):>8.1f} us/row x{cpu_ratio.middle:.2f}"
        )
    if table.latency_ms:
        bars = [at_least(table, results, "pycurl-multi", 0.9)]
        packages = PACKAGES if table.page_size == 100 else ()
        bars += [at_least(table, results, name, 12) for name in packages]
    else:
        bars = [at_least(table, results, "raw", 0.5)]
        bars += [at_least(table, results, "halopsa", 2.5)] if table.page_size == 100 else []
    ratio = speed(results, "fast", "verified")
    bars.append(Bar(f"{table}: time of verified to that of fast", ratio.middle, most=1.1, spread=str(ratio)))
    return bars


def at_least(table: Table, results: dict[str, list[Result]], other: str, least: float) -> Bar:
    ratio = speed(results, "verified", other)
    return Bar(f"{table}: speed of verified to that of {other}", ratio.middle, least=least, spread=str(ratio))


def remembered(address: str) -> list[Bar]:
    """Read a small and a large table, each in a process of its own, and return the bars of memory."""
    peaks = {}
    print("\npeak memory of a process that reads with pages of 100")
    for rows in (FEW, MANY):
        reader = Contender("readers.py", "verified")
        run = reader.run({"base": f"{address}/{rows}/{GAP}/0", "page_size": 100, "parallel": IN_FLIGHT})
        reader.end()
        if run["rows"] != rows:
            raise SystemExit(f"{run['rows']} rows were read of {rows}")
        peaks[rows] = run["peak_mb"]
        print(f"  {rows:>9,} rows {run['peak_mb']:>8.1f} MB {rows / run['seconds']:>10,.0f} rows/s")
    return [
        Bar(f"peak memory, {MANY:,} rows, in MB", peaks[MANY], most=80),
        Bar(f"peak memory, {MANY:,} rows more than {FEW:,}, in MB", peaks[MANY] - peaks[FEW], most=5),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
