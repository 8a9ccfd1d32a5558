"""A Halo that is never the bottleneck: pages cut out of rows that are already written, and writes that cost nothing.

``http://127.0.0.1:PORT/20000/10/50`` is one with 20,000 tickets, an id missing for every tenth, in which every
answer takes 50 ms. Lists are paged as Halo
does (halo-api-facts 2.1 and 2.2), a POST answers as Halo does to an array (halo-api-facts 4.1), any token is good.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from functools import lru_cache
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs

import orjson
from tickets import LARGEST_PAGE, Rows

CORES = sorted(os.sched_getaffinity(0))
"""The server runs on the last of them, what is measured on the first, unless it needs more than one."""
OTHERS = CORES[:-1] if len(CORES) > 2 else CORES
"""What is measured in more than one process runs on these: all, where there are too few to leave one to the server."""

ROWS = Rows()
CREATED = count(9_000_000)
REQUESTS = count(1)


class Connection(asyncio.Protocol):
    """One keep-alive connection; answers leave in the order of the requests."""

    def __init__(self) -> None:
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make room for a whole page, so that it leaves at once."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        data = self._waiting + data if self._waiting else data
        while (end := data.find(b"\r\n\r\n") + 4) > 3:
            length = _length(data[:end])
            if len(data) < end + length:
                break
            latency, answer = respond(data[: data.index(b"\r\n")].decode(), data[end : end + length])
            if latency:
                asyncio.get_running_loop().call_later(latency, self._transport.write, answer)
            else:
                self._transport.write(answer)
            data = data[end + length :]
        self._waiting = data


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def respond(line: str, body: bytes) -> tuple[float, bytes]:
    """Return after how many seconds a request is answered, and the answer."""
    method, target, _ = line.split(" ")
    path, _, query = target.partition("?")
    _, total, gap, latency, *names = path.lower().split("/")
    seen = next(REQUESTS)
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    if names == ["auth", "token"]:
        content = orjson.dumps({"access_token": "t" * 900, "token_type": "Bearer", "expires_in": 3600, "scope": "all"})
    elif names == ["api", "authinfo"]:
        content = orjson.dumps({"auth_url": "", "tenant_id": "benchmark"})
    elif names == ["requests"]:
        content = str(seen).encode()
    elif method == "POST":
        content = written(body, all_of_them=asked.get("returnall") == "true")
    elif "search" in asked:  # what is looked for is not there
        content = page(0, 1, 1, 1)
    else:
        size = min(int(asked.get("page_size", 50)), LARGEST_PAGE)
        content = page(int(total), float(gap), int(asked.get("page_no", 1)), size)
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ndate: {formatdate(usegmt=True)}\r\n"
    return int(latency) / 1000, f"{head}content-length: {len(content)}\r\n\r\n".encode() + content


@lru_cache(500)
def page(total: int, gap: float, number: int, size: int) -> bytes:
    """Return a page of a table of ``total`` tickets."""
    first = (number - 1) * size
    head = f'{{"page_no":{number},"page_size":{size},"record_count":{total},"tickets":['
    return head.encode() + ROWS.page(first, max(0, min(size, total - first)), gap) + b"]}"


def written(body: bytes, *, all_of_them: bool) -> bytes:
    """Return the records that a payload was made into: the last one unless all are asked for."""
    records = orjson.loads(body)
    made = [{"id": record.get("id") or next(CREATED), "summary": record.get("summary")} for record in records]
    return orjson.dumps(made if all_of_them else made[-1])


@contextmanager
def running(cores: Sequence[int] = CORES[:1]) -> Iterator[str]:
    """Run the server in a process and on a core of its own, and this process on others; yield its address."""
    os.sched_setaffinity(0, cores)
    with subprocess.Popen([sys.executable, Path(__file__)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


async def main() -> None:
    os.sched_setaffinity(0, CORES[-1:])
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
