"""Values become what their field holds, and two that mean the same agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloitsm_connector.bulk.values import MisfitError, agree, touched, typed


@pytest.mark.parametrize(
    ("type_", "value", "made"),
    [
        ("integer", "1.0", 1),
        ("integer", "1,0", 1),
        ("integer", "-12,00", -12),
        ("integer", "12.0000", 12),
        ("integer", " 12 ", 12),
        ("integer", 3.0, 3),
        ("integer", "", None),
        ("integer", "007", 7),
        ("number", "1.50", 1.5),
        ("number", "12", 12),
        ("boolean", "TRUE", True),
        ("boolean", 0, False),
        ("boolean", "no", False),
        ("string", "007", "007"),
        ("string", " x ", " x "),
        ("string", 12.0, "12"),
        ("string", True, "true"),
        ("string", "", ""),
        ("date-time", "2026-11-22T09:30:00", "2026-11-22T09:30:00"),
        ("date-time", "31.12.2026 9:30", "2026-12-31T09:30:00"),
        ("date", " 31.12.2026 ", "2026-12-31"),
        ("date", "3.4.2026", "2026-04-03"),
        ("date", "31-12-2026", "2026-12-31"),
        ("date", "31/12/2026", "2026-12-31"),
        ("date", "12/31/2026", "2026-12-31"),
        ("date", "5/5/2026", "2026-05-05"),
        ("boolean", "WAHR", True),
        ("boolean", "Nein", False),
        ("boolean", "VRAI", True),
        ("boolean", "FAUX", False),
        ("boolean", "oui", True),
        ("array", '[{"id": 1}]', [{"id": 1}]),
        ("object", {"a": 1}, {"a": 1}),
        ("any", "whatever", "whatever"),
        ("uuid", "12345678-1234-1234-1234-123456789abc", "12345678-1234-1234-1234-123456789abc"),
        ("integer", None, None),
    ],
)
def test_values_become_what_the_field_holds(type_, value, made):
    assert typed(type_, value) == made
    assert type(typed(type_, value)) is type(made)


@pytest.mark.parametrize(
    ("type_", "value", "said"),
    [
        ("integer", "1.5", "'1.5' is no whole number"),
        ("integer", True, "'true' is no whole number"),
        ("integer", "1,5", "'1,5' is no whole number"),
        ("integer", "1.000", "'1.000' can mean 1 or 1000: write it without a point or comma"),
        ("integer", "12,000", "'12,000' can mean 12 or 12000"),
        ("integer", "1.000.000", "'1.000.000' can mean 1 or 1000000"),
        ("number", "1,5", "'1,5' is no number: decimals stand behind a point"),
        ("boolean", "maybe", "neither true nor false"),
        ("date-time", "04/03/2026", "'04/03/2026' can be read in two ways: write it as 2026-12-31, or add --dates dmy"),
        ("date-time", "31.02.2026", "is no date: write 2026-12-31"),
        ("date-time", "12.31.2026", "is no date"),
        ("date-time", "13/13/2026", "is no date"),
        ("date-time", "31.12-2026", "is no date"),
        ("date", 45000, "is no date"),
        ("array", "a, b", "is no list in JSON"),
        ("object", "[1]", "is no object"),
        ("uuid", "x", "is no UUID"),
        ("string", "#REF!", "the spreadsheet shows #REF!"),
        ("integer", "x" * 100, "…' is no whole number"),
    ],
)
def test_values_that_do_not_fit_are_named(type_, value, said):
    with pytest.raises(MisfitError) as error:
        typed(type_, value)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("type_", "old", "new", "same"),
    [
        ("integer", 12.0, 12, True),
        ("integer", "12", 12, True),
        ("integer", None, 0, False),
        ("number", 1234567.5, 1234568.4, False),
        ("boolean", "true", True, True),
        ("boolean", 1, True, True),
        ("string", None, "", True),
        ("string", "A", "a", False),
        ("string", "1.0", "1", False),
        ("date-time", "2026-11-22T09:30:00.1234567", "2026-11-22T09:30:00.123456Z", True),
        ("date-time", "2026-11-22T09:30:00", "2026-11-22T10:30:00+01:00", True),
        ("date-time", "2026-11-22T09:30:00", "2026-11-22T09:30:01", False),
        ("array", [{"id": 1, "name": "A", "value": "x"}], [{"name": "a", "value": "x"}], True),
        ("array", [{"id": 1, "name": "A", "value": "x"}], [{"id": 1, "value": "y"}], False),
        ("array", [], [{"id": 1, "value": "y"}], False),
        ("array", [1, 2], [2, 1], False),
        ("any", {"a": 1}, {"a": True}, False),
    ],
)
def test_values_agree_when_they_mean_the_same(type_, old, new, same):
    assert agree(type_, old, new) is same


@given(st.integers(-(10**15), 10**15))
def test_numbers_agree_with_their_text(number):
    assert agree("integer", str(number), typed("integer", f"{number}.0"))
    assert not agree("integer", number, number + 1)


def test_of_custom_fields_only_those_that_are_touched_are_kept():
    old = [{"id": 1, "name": "A", "label": "a", "value": "x"}, {"id": 2, "name": "B", "value": "y"}]
    assert touched(old, [{"name": "b", "value": "z"}]) == [{"id": 2, "name": "B", "value": "y"}]
    assert touched("x", "y") == "x"
