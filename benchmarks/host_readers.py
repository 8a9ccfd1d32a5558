"""What people run in a host, ours and the SDK's own reader: ``python host_readers.py NAME``, in that host's Python.

A line of standard input ``{"base": …, "page_size": …}`` makes it read that table of tickets once, all the way to what
the host puts out; it answers how many rows that were, and the wall and processor time it took. Imports are done before
the clock starts; each run has a fresh tap or source.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

Read = Callable[[str, int], int]
"""Reads the tickets at an address, and returns how many there were."""


class Records:
    """A standard output that counts the Singer records written to it."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, text: str) -> None:
        """Count the messages of one or many lines."""
        self.count += text.count('"type":"RECORD"')

    def flush(self) -> None:
        """Do nothing."""


def synced(tap: Any) -> int:
    records = Records()
    with redirect_stdout(records):  # type: ignore[type-var]
        tap.sync_all()
    return records.count


def tap_haloitsm() -> Read:
    """Our tap, with the selection of a catalog: tickets alone."""
    from haloitsm_connector.hosts.singer.tap import TapHaloITSM

    def read(base: str, page_size: int) -> int:
        config = {"base_uri": base, "client_id": "id", "client_secret": "secret"}
        catalog = TapHaloITSM(config=config).catalog_dict
        chosen = [stream for stream in catalog["streams"] if stream["stream"] == "tickets"]
        for entry in chosen[0]["metadata"]:
            entry["metadata"]["selected"] = True
        return synced(TapHaloITSM(config=config, catalog={"streams": chosen}))

    return read


def rest_stream() -> Read:
    """The SDK's RESTStream, declared as its documentation shows, with the schema that our tap has."""
    from singer_sdk import RESTStream, Tap
    from singer_sdk.authenticators import OAuthAuthenticator
    from singer_sdk.pagination import PageNumberPaginator

    from haloitsm_connector.catalogue import Catalogue
    from haloitsm_connector.hosts.schemas import schema_of

    catalogue = Catalogue.load()
    tickets = schema_of(catalogue, catalogue.find("GET /Tickets"))

    class Authenticator(OAuthAuthenticator):
        @property
        def oauth_request_body(self) -> dict[str, str]:
            return {"grant_type": "client_credentials", "client_id": "id", "client_secret": "secret", "scope": "all"}

    class Pages(PageNumberPaginator):
        def has_more(self, response: Any) -> bool:
            page = response.json()
            return bool(page["page_no"] * page["page_size"] < page["record_count"])

    class Tickets(RESTStream):  # type: ignore[misc]
        name, path, schema, primary_keys = "tickets", "/api/Tickets", tickets, ("id",)
        records_jsonpath = "$.tickets[*]"

        @property
        def url_base(self) -> str:
            return str(self.config["base"])

        @property
        def authenticator(self) -> Any:
            if not hasattr(self, "_signed_in"):
                self._signed_in = Authenticator(
                    client_id="id", client_secret="secret", auth_endpoint=f"{self.url_base}/auth/token"
                )
            return self._signed_in

        def get_new_paginator(self) -> Any:
            return Pages(1)

        def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:
            return {"pageinate": "true", "page_size": self.config["page_size"], "page_no": next_page_token or 1}

    class Generic(Tap):  # type: ignore[misc]
        name = "tap-generic"
        config_jsonschema = {"properties": {"base": {"type": "string"}, "page_size": {"type": "integer"}}}  # noqa: RUF012

        def discover_streams(self) -> list[Any]:
            return [Tickets(self)]

    return lambda base, page_size: synced(Generic(config={"base": base, "page_size": page_size}))


READERS: dict[str, Callable[[], Read]] = {"tap-haloitsm": tap_haloitsm, "RESTStream": rest_stream}


def main(name: str) -> None:
    import logging

    logging.disable(logging.INFO)
    read = READERS[name]()
    for line in sys.stdin:
        task = json.loads(line)
        wall, cpu = time.perf_counter(), time.process_time()
        rows = read(task["base"], task["page_size"])
        result = {"rows": rows, "seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
