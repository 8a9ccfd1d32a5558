"""The steps of a saved configuration make the same of a written value as the command does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.bulk.saved_values import steps_for
from haloitsm_connector.bulk.values import TRUTHS, MisfitError, typed
from haloitsm_transformers import Registry, compile_chain

REGISTRY = Registry.installed()
NUMBERS = st.one_of(
    st.integers(-(10**17), 10**17),
    st.from_regex(r"\A[+-]?\d{1,6}([.,]0{0,4})?\Z"),
    st.from_regex(r"\A[+-]?(\d{1,6}\.?\d{0,4}|\.\d{1,4})([eE][+-]?\d)?\Z"),
).filter(lambda value: not isinstance(value, str) or value.isascii())
DATES = st.builds(
    "{}{}{}{}{}{}".format,
    st.one_of(st.integers(1, 31), st.just("03")), mark := st.shared(st.sampled_from("./-")),
    st.one_of(st.integers(1, 31), st.just("04")), mark, st.sampled_from([2026, 1999]),
    st.sampled_from(["", " 9:30", "T09:30", " 23:59:58"]),
)  # fmt: skip
ISO = st.one_of(st.dates().map(str), st.datetimes().map(lambda moment: moment.isoformat()))
WORDS = st.sampled_from([change(word) for word in TRUTHS for change in (str, str.upper, str.title)])
VALUES = {
    "integer": NUMBERS, "number": NUMBERS, "string": st.one_of(st.text(min_size=1), st.integers(), st.booleans()),
    "boolean": st.one_of(WORDS, st.booleans(), st.just(1), st.just(0.0)),
    "date": st.one_of(DATES, ISO), "date-time": st.one_of(DATES, ISO), "uuid": st.uuids().map(str),
    "array": st.lists(st.integers(-(10**17), 10**17)).flatmap(lambda one: st.sampled_from([one, str(one)])),
    "object": st.one_of(st.just({"a": 1}), st.just('{"a": 1}')),
}  # fmt: skip


@pytest.mark.parametrize("type_", VALUES)
@pytest.mark.parametrize("order", ["", "dmy", "mdy"])
def test_what_the_command_accepts_the_route_sends_alike(type_, order):
    chain = compile_chain(steps_for({"x": type_}, {"x": order}, []), REGISTRY)

    @settings(max_examples=40, deadline=None)
    @given(VALUES[type_], st.sampled_from(["", " "]))
    def holds(value, blank):
        written = f"{blank}{value}{blank}" if isinstance(value, str) and type_ != "string" else value
        failures = []
        run = chain.open(failures.append)
        made = [*run([{"payload": {"x": written}}]), *run.finish()]
        try:
            wanted = typed(type_, written, order)
        except MisfitError:
            return
        assert not failures, (written, failures)
        assert made[0]["payload"]["x"] == (wanted.strip() if type_ == "uuid" else wanted)
        assert type(made[0]["payload"]["x"]) is type(wanted) or type_ == "number"

    holds()
