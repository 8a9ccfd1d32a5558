"""Operations are found by whatever people call them."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloitsm_connector.catalogue import METHODS, Catalogue, UnknownOperation
from haloitsm_connector.errors import InputError

CATALOGUE = Catalogue.load()
OPERATIONS = list(CATALOGUE.operations())


def test_every_operation_is_found_by_its_own_name():
    assert [each.name for each in OPERATIONS if CATALOGUE.find(each.name) is not each] == []


def test_every_operation_is_found_by_its_name_in_any_case_and_by_any_placeholder():
    for each in OPERATIONS:
        assert CATALOGUE.find(each.name.lower()) is each
        assert CATALOGUE.find(each.name.replace("{id}", "{the_id}").upper()) is each


def test_every_operation_is_found_by_its_label():
    assert [each.name for each in OPERATIONS if CATALOGUE.find(each.label.lower()) is not each] == []


def test_every_operation_is_found_by_its_aliases():
    for each in OPERATIONS:
        first, slash, rest = each.path[1:].partition("/")
        for alias in each.aliases:
            assert CATALOGUE.find(f"{each.method} {alias}{slash}{rest}") is each, (alias, first)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("GET /Actions/{action_id}", "GET /Actions/{id}"),
        ("get actions", "GET /Actions"),
        ("GET Faults", "GET /Tickets"),
        ("POST Faults_List", "POST /Tickets"),
        ("GET Area/{id}", "GET /Client/{id}"),
        ("DELETE device/{}", "DELETE /Asset/{id}"),
        ("POST /Assets", "POST /Asset"),
        ("GET /ticket", "GET /Tickets"),
        ("GET Clients/{id}", "GET /Client/{id}"),
        ("GET /Categories", "GET /Category"),
        ("GET /Statuses/", "GET /Status"),
        ("GET /api/Tickets", "GET /Tickets"),
        ("GET Notification", "GET /Notification"),
        ("GET Notifications", "GET /Notifications"),
        ("GET Opps", "GET /Opportunities"),
        ("POST /Automation/{id}", "POST /Automation/{runbookId}"),
        ("DELETE /TicketApproval/{a}&{b}", "DELETE /TicketApproval/{id}&{seq}"),
        ("get one action", "GET /Actions/{id}"),
        ("Get an Action", "GET /Actions/{id}"),
        ("  list   tickets ", "GET /Tickets"),
        ("create or update assets", "POST /Asset"),
        ("Delete one asset", "DELETE /Asset/{id}"),
        ("/Search", "GET /Search"),
    ],
)
def test_ways_to_say_an_operation(text, name):
    assert CATALOGUE.find(text).name == name


def test_without_a_method_the_only_one_allowed_is_meant():
    assert CATALOGUE.find("Tickets", methods=("GET",)).name == "GET /Tickets"
    assert CATALOGUE.find("/Tickets", methods=("POST", "DELETE")).name == "POST /Tickets"


@pytest.mark.parametrize(
    ("text", "methods", "said"),
    [
        ("Tickets", METHODS, "Write one of: GET /Tickets, POST /Tickets."),
        ("GET /Tickts", METHODS, "Did you mean 'GET /Tickets'?"),
        ("Get Tikets/{id}", METHODS, "Did you mean 'GET /Tickets/{id}'?"),
        ("GET Fautls", METHODS, "Did you mean 'GET /Faults'?"),
        ("/Assett/{id}", METHODS, "Did you mean '/Asset/{id}'?"),
        ("list tickts", METHODS, "Did you mean 'List tickets'?"),
        ("DELETE /Tickets", METHODS, "Did you mean 'DELETE /Tickets/{id}'?"),
        ("GET /Tickets", ("POST", "DELETE"), "'GET /Tickets' is a GET operation, but POST or DELETE is needed here"),
        ("list tickets", ("POST",), "is GET /Tickets, but POST is needed here. Did you mean 'POST /Tickets'?"),
        ("PUT /Tickets", METHODS, "has no PUT or PATCH"),
        ("GET /Tickets?status=1", METHODS, "goes into the query"),
        ("GET /Actions/12", METHODS, "Write GET /Actions/{id} and give the value as a path parameter."),
        ("", METHODS, "Halo has no operation ''."),
    ],
)
def test_what_is_not_found_says_what_to_do(text, methods, said):
    with pytest.raises(UnknownOperation) as raised:
        CATALOGUE.find(text, methods)
    assert said in str(raised.value)


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.text(), st.builds("{} {}".format, st.sampled_from([*METHODS, "PUT", "get"]), st.text())))
def test_any_text_is_found_or_refused_in_words(text):
    with suppress(InputError):
        assert CATALOGUE.find(text) in OPERATIONS
