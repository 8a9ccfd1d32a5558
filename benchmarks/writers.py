"""The writers that are compared, each run in a process of its own: ``python writers.py NAME``.

A line of standard input ``{"base": …, "what": "posts" | "updates" | "creates", "records": …}`` makes it write; it
answers with the wall and processor time it took. Connections, tokens, imports and the records themselves are there
before the clock starts.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any

from tickets import ticket

HALO = {"type": "client_credentials", "client_id": "id", "client_secret": "secret"}
HEADERS = {"content-type": "application/json", "authorization": f"Bearer {'t' * 900}"}
WHOLE = 100
"""Records in one array."""

Records = list[dict[str, Any]]
Write = Callable[[str, Records], None]
Make = Callable[[str], Write]


def bare_httpx(base: str) -> Write:
    """Arrays of 100 by httpx and orjson, and nothing made of the answers."""
    import httpx
    import orjson

    client = httpx.Client(headers=HEADERS)

    def write(what: str, records: Records) -> None:
        for array in arrays(records):
            client.post(f"{base}/api/Tickets", content=orjson.dumps(array)).raise_for_status()

    return write


def by_client(base: str) -> Write:
    """The same arrays by HttpClient, with the token, the retry table and all that it keeps."""
    from haloitsm_connector import HttpClient

    client = HttpClient(base, HALO)
    client.connect()

    def write(what: str, records: Records) -> None:
        for array in arrays(records):
            client.post("/Tickets", array)

    return write


def loop(base: str) -> Write:
    """What people write: a request for each record."""
    import httpx

    client = httpx.Client(headers=HEADERS)

    def write(what: str, records: Records) -> None:
        for record in records:
            answer = client.post(f"{base}/api/Tickets", json=[record])
            answer.raise_for_status()
            answer.json()

    return write


def by_publisher(parallel: int, *, once: bool = False) -> Make:
    """Our publisher: updates in arrays of 100; creates one by one, or in arrays with ``once``."""

    def make(base: str) -> Write:
        from haloitsm_connector import HttpClient, Publisher

        client = HttpClient(base, HALO)
        client.connect()
        looked_up = {"find": "GET /Tickets", "query": {"search": "{{ payload.summary }}"}, "match": "summary"}
        publisher = Publisher(
            client, "POST /Tickets", payload="{{ @ }}", parallel=parallel, once=looked_up if once else None
        )

        def write(what: str, records: Records) -> None:
            expected = {"posts": "updated", "updates": "updated", "creates": "created"}[what]
            told = Counter(outcome.status for outcome in publisher.publish(records))
            assert told == {expected: len(records)}, told

        return write

    return make


WRITERS: dict[str, Make] = {
    "bare httpx": bare_httpx,
    "HttpClient": by_client,
    "loop": loop,
    "Publisher": by_publisher(1),
    "Publisher, 8 at a time": by_publisher(8),
    "Publisher with once": by_publisher(8, once=True),
}


def arrays(records: Records) -> Iterator[Records]:
    left = iter(records)
    while array := list(islice(left, WHOLE)):
        yield array


@cache
def made(what: str, count: int) -> Records:
    """Make whole tickets to post, updates of three fields, or new tickets of seven."""
    if what == "posts":
        return [ticket(number) for number in range(count)]
    if what == "updates":
        return [{"id": number + 1, "summary": f"Ticket {number}", "agent_id": 5} for number in range(count)]
    more = {"details": "It does not print.", "tickettype_id": 1, "client_id": 12, "site_id": 3, "user_id": 9}
    return [{"summary": f"Ticket {number}", "category_1": "Hardware", **more} for number in range(count)]


def main(name: str) -> None:
    make = cache(WRITERS[name])
    for line in sys.stdin:
        task = json.loads(line)
        write, records = make(task["base"]), made(task["what"], task["records"])
        wall, cpu = time.perf_counter(), time.process_time()
        write(task["what"], records)
        spent = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
        print(json.dumps({"records": len(records), **spent}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
