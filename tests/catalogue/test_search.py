"""Words lead to operations, the best first."""

import pytest

from haloitsm_connector.catalogue import Catalogue

CATALOGUE = Catalogue.load()


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("asset", "GET /Asset"),
        ("assets", "GET /Asset"),
        ("Device", "GET /Asset"),
        ("ticket", "GET /Tickets"),
        ("faults", "GET /Tickets"),
        ("delete ticket", "DELETE /Tickets/{id}"),
        ("knowledge base", "GET /KBArticle"),
        ("ticket type", "GET /TicketType"),
        ("Xero", "GET /XeroDetails"),
        ("/Actions/{id}", "GET /Actions/{id}"),
    ],
)
def test_the_best_comes_first(words, first):
    assert CATALOGUE.search(words)[0].name == first


def test_every_word_must_occur():
    found = CATALOGUE.search("asset type")
    assert found
    assert all("asset" in each.label.casefold() and "type" in each.label.casefold() for each in found)
    assert CATALOGUE.search("asset zebra") == []


def test_a_method_narrows_and_no_words_give_everything_in_order():
    assert {each.method for each in CATALOGUE.search("ticket", method="post")} == {"POST"}
    names = [each.name for each in CATALOGUE.search()]
    assert names == [each.name for each in CATALOGUE.operations()]
    assert len(CATALOGUE.search(method="DELETE")) == 192
