"""What people run in a host, ours and the SDK's own reader: ``python host_readers.py NAME``, in that host's Python.

A line of standard input ``{"base": …, "page_size": …}`` makes it read that table of tickets once, all the way to what
the host puts out; it answers how many rows that were, and the wall and processor time it took. Imports are done before
the clock starts; each run has a fresh tap or source.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
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


def airbyte_messages(source: Any, config: Any, catalog: Any, folder: str) -> int:
    """Run the command ``read`` of a source, and count the records among the lines that it would print."""
    from airbyte_cdk.entrypoint import AirbyteEntrypoint

    arguments = ["read"]
    for name, document in {"config": config, "catalog": catalog}.items():
        Path(folder, name).write_text(json.dumps(document), "utf-8")
        arguments += [f"--{name}", str(Path(folder, name))]
    lines = AirbyteEntrypoint(source).run(AirbyteEntrypoint.parse_args(arguments))
    return sum('"type":"RECORD"' in line for line in lines)


def airbyte_catalog(schema: Any) -> Any:
    """Return a configured catalog with tickets alone."""
    stream = {"name": "tickets", "json_schema": schema, "supported_sync_modes": ["full_refresh"]}
    return {"streams": [{"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}


def source_haloitsm() -> Read:
    """Our source, with tickets alone."""
    from haloitsm_connector.hosts.airbyte.source import SourceHaloITSM

    def read(base: str, page_size: int) -> int:
        authentication = {"type": "client_credentials", "client_id": "id", "client_secret": "secret"}
        config = {"base_uri": base, "authentication": authentication}
        with TemporaryDirectory() as folder:
            return airbyte_messages(SourceHaloITSM(), config, airbyte_catalog({}), folder)

    return read


def declarative_manifest() -> Read:
    """The CDK's declarative source, with a manifest as its documentation shows, and the schema that our source has."""
    from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
    from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

    from haloitsm_connector.catalogue import Catalogue
    from haloitsm_connector.hosts.schemas import schema_of

    catalogue = Catalogue.load()
    tickets = schema_of(catalogue, catalogue.find("GET /Tickets"))
    catalog = airbyte_catalog(tickets)

    def option(name: str) -> Any:
        return {"type": "RequestOption", "inject_into": "request_parameter", "field_name": name}

    def manifest(base: str, page_size: int) -> Any:
        authenticator = {
            "type": "OAuthAuthenticator",
            "token_refresh_endpoint": f"{base}/auth/token",
            "client_id": "{{ config['client_id'] }}",
            "client_secret": "{{ config['client_secret'] }}",
            "grant_type": "client_credentials",
            "scopes": ["all"],
        }
        requester = {
            "type": "HttpRequester",
            "url_base": f"{base}/api/",
            "path": "Tickets",
            "request_parameters": {"pageinate": "true"},
            "authenticator": authenticator,
        }
        pages = {"type": "PageIncrement", "start_from_page": 1, "page_size": page_size, "inject_on_first_request": True}
        paginator = {
            "type": "DefaultPaginator",
            "page_token_option": option("page_no"),
            "page_size_option": option("page_size"),
            "pagination_strategy": pages,
        }
        extractor = {"type": "DpathExtractor", "field_path": ["tickets"]}
        retriever = {
            "type": "SimpleRetriever",
            "requester": requester,
            "record_selector": {"type": "RecordSelector", "extractor": extractor},
            "paginator": paginator,
        }
        stream = {
            "type": "DeclarativeStream",
            "name": "tickets",
            "primary_key": ["id"],
            "retriever": retriever,
            "schema_loader": {"type": "InlineSchemaLoader", "schema": tickets},
        }
        return {
            "version": "7.0.0",
            "type": "DeclarativeSource",
            "check": {"type": "CheckStream", "stream_names": ["tickets"]},
            "concurrency_level": {"type": "ConcurrencyLevel", "default_concurrency": 4, "max_concurrency": 8},
            "streams": [stream],
            "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
        }

    def read(base: str, page_size: int) -> int:
        config = {"client_id": "id", "client_secret": "secret"}
        configured = ConfiguredAirbyteCatalogSerializer.load(catalog)
        source = ConcurrentDeclarativeSource(configured, config, [], source_config=manifest(base, page_size))
        with TemporaryDirectory() as folder:
            return airbyte_messages(source, config, catalog, folder)

    return read


def extracted(source: Any) -> int:
    """Extract into a load package on disk, uncompressed: what follows, and gzip, is dlt's own and the same for both."""
    import dlt

    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "DATA_WRITER__DISABLE_COMPRESSION": "true"}
    with TemporaryDirectory() as folder:
        info = dlt.pipeline("benchmark", pipelines_dir=folder).extract(source)
    (metrics, *_) = info.metrics[info.loads_ids[0]]
    return int(metrics["table_metrics"]["tickets"].items_count)


def haloitsm_source() -> Read:
    """Our source of dlt, with its resource of tickets alone."""
    from haloitsm_connector.hosts.dlt import haloitsm_source

    def read(base: str, page_size: int) -> int:
        credentials = {"base_uri": base, "client_id": "id", "client_secret": "secret"}
        return extracted(haloitsm_source(credentials).with_resources("tickets"))

    return read


def rest_api() -> Read:
    """dlt's own rest_api source, declared as its documentation shows."""
    from dlt.sources.rest_api import rest_api_source

    def read(base: str, page_size: int) -> int:
        signing_in = {"access_token_url": f"{base}/auth/token", "client_id": "id", "client_secret": "secret"}
        client = {"base_url": f"{base}/api/", "auth": {"type": "oauth2_client_credentials", **signing_in}}
        client["paginator"] = {"type": "page_number", "base_page": 1, "page_param": "page_no", "total_path": None}
        endpoint = {
            "path": "Tickets",
            "data_selector": "tickets",
            "params": {"pageinate": "true", "page_size": page_size},
        }
        tickets = {"name": "tickets", "primary_key": "id", "endpoint": endpoint}
        return extracted(rest_api_source({"client": client, "resources": [tickets]}))

    return read


READERS: dict[str, Callable[[], Read]] = {
    "tap-haloitsm": tap_haloitsm,
    "RESTStream": rest_stream,
    "haloitsm_source": haloitsm_source,
    "rest_api": rest_api,
    "source-haloitsm": source_haloitsm,
    "DeclarativeSource": declarative_manifest,
}


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
