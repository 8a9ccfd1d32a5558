"""How fast tickets are written, and with how many requests: ``python benchmarks/write.py``, about two minutes.

Prints what the publisher takes for updates and creates as a ratio to the loop that people write, and whether arrays of
100 go out as fast as httpx alone sends them; exit status 1 when not.
"""

from __future__ import annotations

import statistics
import sys
import urllib.request

from duel import Bar, Contender, Result, contenders, cycles, speed, told
from server import running

PUBLISHERS = ("Publisher", "Publisher, 8 at a time", "Publisher with once")
NAMES = ("bare httpx", "HttpClient", "loop", *PUBLISHERS)
MANY = 10_000


def main() -> int:
    with running() as address, contenders("writers.py", dict.fromkeys(NAMES, sys.executable)) as writers:
        bars = posts(address, writers)
        for what, names in (("updates", PUBLISHERS[:2]), ("creates", PUBLISHERS)):
            for latency_ms, records in ((0, 1_000), (50, 100)):
                tasks = {"loop": (writers["loop"], task(address, what, latency_ms, records))}
                tasks |= {name: (writers[name], task(address, what, latency_ms, records)) for name in names}
                shown(f"{what}, {latency_ms} ms", cycles(5 if latency_ms else 11, tasks), "loop")
            counted(address, what, {name: writers[name] for name in ("loop", *names)})
    return told(bars)


def task(address: str, what: str, latency_ms: int, records: int) -> Result:
    return {"base": f"{address}/0/1/{latency_ms}", "what": what, "records": records}


def posts(address: str, writers: dict[str, Contender]) -> list[Bar]:
    """Send whole tickets in arrays of 100."""
    names = ("bare httpx", "HttpClient", "Publisher", "Publisher, 8 at a time")
    results = cycles(15, {name: (writers[name], task(address, "posts", 0, 2_000)) for name in names})
    shown("whole tickets of 2 KB in arrays of 100, 0 ms", results, "bare httpx")
    ratio = speed(results, "HttpClient", "bare httpx", "records")
    return [Bar("speed of HttpClient to that of bare httpx", ratio.middle, least=0.85, spread=str(ratio))]


def shown(title: str, results: dict[str, list[Result]], reference: str) -> None:
    print(f"\n{title} (speed relative to {reference})")
    for name, runs in results.items():
        rate = statistics.median(run["records"] / run["seconds"] for run in runs)
        cpu = statistics.median(run["cpu_seconds"] / run["records"] for run in runs) * 1e6
        ratio = speed(results, name, reference, "records")
        print(f"  {name:<24}{rate:>10,.0f} records/s {ratio!s:>24}{cpu:>9.1f} us/record")


def counted(address: str, what: str, writers: dict[str, Contender]) -> None:
    """Write many records once, and print the number of requests and the time."""
    print(f"\n{MANY:,} {what}, 0 ms")
    for name, writer in writers.items():
        before = requests(address)
        run = writer.run(task(address, what, 0, MANY))
        print(f"  {name:<24}{requests(address) - before - 1:>8,} requests {run['seconds']:>8.2f} s")


def requests(address: str) -> int:
    """Return how many requests the server has seen, this one included."""
    with urllib.request.urlopen(f"{address}/0/1/0/requests") as answer:
        return int(answer.read())


if __name__ == "__main__":
    raise SystemExit(main())
