"""The schema of a record says the same as the check of payloads, in the language of `validate`."""

from __future__ import annotations

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.catalogue.record_schema import record_schema
from haloitsm_connector.catalogue.usage import fits
from haloitsm_connector.errors import InputError

CATALOGUE = Catalogue.load()
TICKET = jsonschema_rs.validator_for(record_schema(CATALOGUE, "POST /Tickets"))
FIELDS = CATALOGUE.fields(CATALOGUE.find("POST /Tickets").record)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["12", " 1.5 ", "true", "FALSE", "2025-01-31", "2025-01-31T10:00:00Z", "x", ""])
    | st.just([])
    | st.just({})
)


@given(st.sampled_from(sorted(FIELDS)), VALUES)
def test_it_refuses_what_the_check_of_payloads_warns_about(name, value):
    type_ = FIELDS[name].type
    if type_ in {"string", "any", "time"}:
        assert TICKET.is_valid({name: value})
    elif type_ in {"date", "date-time"} and not isinstance(value, str):
        assert value is None or not TICKET.is_valid({name: value})
    else:
        assert TICKET.is_valid({name: value}) == fits(type_, value)


def test_every_operation_that_takes_a_record_has_a_sound_one():
    for operation in CATALOGUE.operations():
        if operation.method != "GET" and operation.record:
            jsonschema_rs.meta.validate(record_schema(CATALOGUE, operation.name))


def test_an_operation_without_a_record_has_none():
    with pytest.raises(InputError, match="nothing is known of the payload"):
        record_schema(CATALOGUE, "POST /Agent/ClearCache")
