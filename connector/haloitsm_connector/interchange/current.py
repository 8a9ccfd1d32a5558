"""Records as they are in Halo now, to compare a save with."""

from __future__ import annotations

from haloitsm_connector.catalogue import Catalogue, Operation
from haloitsm_connector.client import HttpClient, Request
from haloitsm_connector.client.request import encode_query, fill_path
from haloitsm_connector.errors import InputError
from haloitsm_connector.interchange.saves import DETAILS, Current, Record


def reader(client: HttpClient, catalogue: Catalogue) -> Current:
    """Return what reads the record that an operation writes, by its key; it gives None where there is none to read."""

    def read(operation: Operation, key: Record) -> Record | None:
        try:
            one = catalogue.find(f"GET {operation.path}/{{id}}")
        except InputError:
            return None
        known = {parameter.name for parameter in one.query_parameters}
        query = {name: value for name, value in key.items() if name != "id"}
        query |= {DETAILS: True} if DETAILS in known else {}
        response = client.send(Request("GET", fill_path(one.path, {"id": key.get("id")}), encode_query(query)))
        record = response.json() if response.status == 200 else None
        return record if isinstance(record, dict) else None

    return read
