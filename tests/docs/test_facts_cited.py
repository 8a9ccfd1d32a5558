"""Every fact about Halo that the code cites can be looked up: the number is a heading of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/halo-api-facts.md").read_text("utf-8")
HEADINGS = set(re.findall(r"^##+ (\d+(?:\.\d+)?)\.? ", PAGE, re.MULTILINE))
CITATION = re.compile(r"(halo-(?:api-facts|observed))\s+(\d+(?:\.\d+)?(?:(?:,|\s+and|\s+to)\s+\d+(?:\.\d+)?)*)")


def leading_nowhere(text: str) -> list[str]:
    """Return the citations in a text that name another page, or a section that the page does not have."""
    cited = [(page, number) for page, numbers in CITATION.findall(text) for number in re.findall(r"[\d.]+", numbers)]
    return [f"{page} {number}" for page, number in cited if page != "halo-api-facts" or number not in HEADINGS]


@pytest.mark.parametrize("part", ["connector", "transformers"])
def test_every_citation_names_a_heading_of_the_page(part):
    texts = {path: path.read_text("utf-8") for path in sorted((ROOT / part).rglob("*.py"))}
    assert any(CITATION.search(text) for text in texts.values())
    assert {path.name: wrong for path, text in texts.items() if (wrong := leading_nowhere(text))} == {}


@pytest.mark.parametrize("text", ["halo-api-facts 99", "halo-api-facts 2.1, 2.2 and\n 9.9", "halo-observed 1"])
def test_a_citation_that_leads_nowhere_is_found(text):
    assert len(leading_nowhere(text)) == 1
