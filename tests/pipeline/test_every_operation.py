"""Every operation of the catalogue can be previewed, requested on the sandbox, and is answered."""

from __future__ import annotations

from collections import Counter

import pytest

from haloitsm_connector import ConnectorError, HttpClient, Publisher, Subscriber
from haloitsm_connector.catalogue import Catalogue

VALUES = {"integer": 1, "string": "A 1/ä", "uuid": "8a4b1c9e-0d3f-4a56-9b7e-2f1c3d4e5f60"}
OPERATIONS = list(Catalogue.load().operations())
OUTCOMES = {"created", "updated", "deleted", "sent", "skipped", "refused", "failed"}


@pytest.fixture(scope="module")
def halo(catalogue):
    from haloitsm_connector import ClientCredentials, Sandbox

    with Sandbox(catalogue=catalogue) as sandbox:
        credentials = ClientCredentials(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
        with HttpClient(sandbox.base_uri, credentials, tenant=sandbox.tenant, normal_statuses=[404]) as client:
            yield client


def path_of(operation):
    return {one.name: VALUES.get(one.type, "1") for one in operation.path_parameters}


@pytest.mark.slow
def test_every_get_is_previewed_requested_and_answered(halo, catalogue):
    unread = {}
    for operation in (one for one in OPERATIONS if one.method == "GET"):
        subscriber = Subscriber(halo, operation.name, path=path_of(operation), limit=3, catalogue=catalogue)
        (request,) = subscriber.requests()
        assert halo.url(request).startswith(halo.api_uri)
        try:
            list(subscriber)
        except ConnectorError as error:
            unread[operation.name] = str(error)
    assert len(unread) <= len(OPERATIONS) // 50, unread


@pytest.mark.slow
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_every_write_is_previewed_requested_and_answered(halo, catalogue, method):
    statuses: Counter[str] = Counter()
    for operation in (one for one in OPERATIONS if one.method == method):
        publisher = Publisher(halo, operation.name, catalogue=catalogue)
        entity = {"path": path_of(operation), "payload": {"name": "made by a test"} if operation.body else None}
        assert len(list(publisher.requests([entity]))) <= 1
        (outcome,) = publisher.publish([entity])
        assert outcome.reason or outcome.status not in {"refused", "failed", "waiting"}
        statuses[outcome.status] += 1
    assert set(statuses) <= OUTCOMES
