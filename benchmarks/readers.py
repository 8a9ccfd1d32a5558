"""The readers that are compared, each run in a process of its own: ``python readers.py NAME``.

A line of standard input ``{"base": …, "page_size": …, "parallel": …}`` makes it read that table once; it answers how
many rows there were, the sum of their ids, the wall and processor time it took, and the most memory it has had.
Connections, tokens and imports are there before the clock starts.
"""

from __future__ import annotations

import importlib
import json
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

Pages = Callable[[], Iterator[list[Any]]]
Make = Callable[[str, int, int], Pages]


def target(base: str, page_size: int, number: int) -> str:
    return f"{base}/api/Tickets?pageinate=true&page_size={page_size}&page_no={number}&order=id"


def raw(base: str, page_size: int, parallel: int) -> Pages:
    """The limit: one socket, one buffer, orjson."""
    import orjson

    answer = one_socket(base, page_size)

    def pages() -> Iterator[list[Any]]:
        number, seen, total = 1, 0, 1
        while seen < total:
            page = orjson.loads(answer(number))
            yield page["tickets"]
            number, seen, total = number + 1, seen + len(page["tickets"]), page["record_count"]

    return pages


def undecoded(base: str, page_size: int, parallel: int) -> Pages:
    """The server's own speed: what the limit does, and nothing decoded."""
    answer = one_socket(base, page_size)

    def pages() -> Iterator[list[Any]]:
        total = int(urlsplit(base).path.split("/")[1])
        for number in range(1, -(-total // page_size) + 1):
            assert len(answer(number)) > page_size
            yield []

    return pages


def one_socket(base: str, page_size: int) -> Callable[[int], memoryview]:
    host, port = urlsplit(base).netloc.split(":")
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = memoryview(bytearray(1 << 22))

    def answer(number: int) -> memoryview:
        connection.sendall(f"GET {target(urlsplit(base).path, page_size, number)} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        end = whole = filled = 0
        while not whole or filled < whole:
            filled += connection.recv_into(buffer[filled:])
            if not whole and (end := bytes(buffer[:1000]).find(b"\r\n\r\n") + 4) > 3:
                head = bytes(buffer[:end])
                whole = end + int(head[head.index(b"content-length:") + 15 :].partition(b"\r\n")[0])
        return buffer[end:whole]

    return answer


def ours(consistency: str) -> Make:
    def make(base: str, page_size: int, parallel: int) -> Pages:
        from haloitsm_connector import HttpClient, Subscriber

        client = HttpClient(base, {"type": "client_credentials", "client_id": "id", "client_secret": "secret"})
        client.connect()
        subscriber = Subscriber(client, "GET /Tickets", page_size=page_size, consistency=consistency, parallel=parallel)
        return subscriber.pages

    return make


def plain_httpx(base: str, page_size: int, parallel: int) -> Pages:
    """What people write: one page after the other."""
    import httpx

    client = httpx.Client()

    def pages() -> Iterator[list[Any]]:
        number, seen, total = 1, 0, 1
        while seen < total:
            page = client.get(target(base, page_size, number)).json()
            yield page["tickets"]
            number, seen, total = number + 1, seen + len(page["tickets"]), page["record_count"]

    return pages


def curl(base: str, page_size: int, parallel: int) -> Pages:
    """``parallel`` transfers at a time by libcurl, on kept connections, decoded by orjson as they come."""
    from io import BytesIO

    import orjson
    import pycurl

    multi = pycurl.CurlMulti()
    handles = [pycurl.Curl() for _ in range(parallel)]
    bodies: dict[Any, BytesIO] = {}

    def begin(handle: Any, number: int) -> None:
        bodies[handle] = BytesIO()
        handle.setopt(pycurl.URL, target(base, page_size, number))
        handle.setopt(pycurl.BUFFERSIZE, 1 << 19)
        handle.setopt(pycurl.WRITEDATA, bodies[handle])
        multi.add_handle(handle)

    def finished() -> list[Any]:
        while True:
            multi.perform()
            _, done, failed = multi.info_read()
            assert not failed, failed
            if done:
                return list(done)
            multi.select(1.0)

    def pages() -> Iterator[list[Any]]:
        begin(handles[0], 1)
        number, last, under_way = 1, 1, 1
        while under_way:
            for handle in finished():
                multi.remove_handle(handle)
                page = orjson.loads(bodies.pop(handle).getvalue())
                last = -(-page["record_count"] // page_size)
                under_way -= 1
                free = handles if number == 1 else [handle]
                for each in free:
                    if number < last:
                        number += 1
                        under_way += 1
                        begin(each, number)
                yield page["tickets"]

    return pages


def halopsa(base: str, page_size: int, parallel: int) -> Pages:
    """The package halopsa; only its addresses are set, which it makes for hosted systems alone."""
    import requests

    package = importlib.import_module("HaloPSA.Halo")

    def pointed(self: Any, **_: Any) -> None:
        self.session = requests.Session()
        self.auth_url, self.url, self.formatted_params = f"{base}/auth/token", f"{base}/api", []
        token = self._create_token("id", "secret")
        self.session.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/json"})

    package._MethodsHelper.__init__ = pointed
    halo = package.Halo("benchmark", "id", "secret")

    def pages() -> Iterator[list[Any]]:
        number, seen, total = 1, 0, 1
        while seen < total:
            page = halo.Tickets.search(pageinate=True, page_size=page_size, page_no=number, order="id")
            yield page["tickets"]
            number, seen, total = number + 1, seen + len(page["tickets"]), page["record_count"]

    return pages


def haloitsm_python(base: str, page_size: int, parallel: int) -> Pages:
    """The package haloitsm-python; it tells no count, so a page that is not full is the last."""
    from halo import HaloClient

    client = HaloClient(base_url=base, client_id="id", client_secret="secret")
    client.auth.get_token()

    def pages() -> Iterator[list[Any]]:
        number, page = 1, [None] * page_size
        while len(page) == page_size:
            page = client.tickets.list(page_size=page_size, page_no=number, order="id")
            yield [each.raw for each in page]
            number += 1

    return pages


READERS: dict[str, Make] = {
    "raw": raw,
    "undecoded": undecoded,
    "pycurl-multi": curl,
    "fast": ours("fast"),
    "verified": ours("verified"),
    "httpx": plain_httpx,
    "halopsa": halopsa,
    "haloitsm-python": haloitsm_python,
}


def main(name: str) -> None:
    make = cache(READERS[name])
    for line in sys.stdin:
        task = json.loads(line)
        pages = make(task["base"], task["page_size"], task["parallel"])
        rows = checksum = 0
        wall, cpu = time.perf_counter(), time.process_time()
        for page in pages():
            rows += len(page)
            checksum += sum(row["id"] for row in page)
        spent = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"rows": rows, "checksum": checksum, "peak_mb": peak_mb, **spent}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
