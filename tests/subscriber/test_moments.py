"""What time it is at Halo, as an answer tells it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from haloitsm_connector.client import Response
from haloitsm_connector.subscriber.moments import moment, time_there, to_the_millisecond


@given(st.floats(0, 600))
def test_time_of_an_answer_is_before_it_was_made_and_goes_into_a_filter_as_it_is(seconds: float) -> None:
    told = Response(200, {"date": "Sun, 22 Nov 2026 06:20:33 GMT"}, b"", seconds=seconds)
    there = time_there(told)
    assert there <= datetime(2026, 11, 22, 6, 20, 33, tzinfo=UTC) - timedelta(seconds=seconds)
    assert moment(to_the_millisecond(there)) == there
