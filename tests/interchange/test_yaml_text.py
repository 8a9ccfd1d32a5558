from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.config.yaml_document import read
from haloitsm_connector.interchange.yaml_text import yaml_text

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"])) | st.sampled_from(
    [
        "on",
        "1e3",
        "0o17",
        "0123",
        "1_000",
        "12:30",
        ".5",
        "+1",
        "~",
        "null",
        "True",
        "2024-05-01",
        "a: b",
        "# x",
        " ",
        "- a",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT.filter(bool), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(value=st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, min_size=1))
def test_what_is_written_is_read_back_by_a_configuration_as_it_was(value):
    document = read(yaml_text(value, "A heading.").encode(), "x.yaml")
    assert document.problems == ()
    assert document.data == value


@pytest.mark.parametrize("text", ["a\nb", "tab\there", "é", "\U0001f600"])
def test_line_breaks_and_other_characters_stay(text):
    assert read(yaml_text({"a": text}, "").encode(), "x.yaml").data == {"a": text}
