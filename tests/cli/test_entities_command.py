from __future__ import annotations

import json


def test_words_find_operations(haloitsm):
    ended = haloitsm("entities", "one", "action", "--method", "get")
    assert ended.status == 0
    assert ended.out.splitlines()[:2] == [
        "entity             label           record",
        "GET /Actions/{id}  Get one action  Actions",
    ]


def test_without_words_everything_is_listed(haloitsm):
    assert len(json.loads(haloitsm("entities", "--json").out)) > 1000


def test_nothing_found_says_so(haloitsm):
    ended = haloitsm("entities", "xyzzy")
    assert (ended.status, ended.out, ended.err) == (0, "", "Nothing found. Fewer or shorter words find more.\n")


def test_an_entity_shows_parameters_and_fields(haloitsm):
    ended = haloitsm("entity", "get one action")
    assert ended.status == 0
    assert ended.out.startswith("GET /Actions/{id}  Get one action\n")
    assert "includedetails   boolean\n" in ended.out


def test_a_record_of_many_fields_is_cut_and_says_so(haloitsm):
    short, whole = haloitsm("entity", "GET /Tickets"), haloitsm("entity", "GET /Tickets", "--all")
    assert short.err.count("more; --all shows them.") == 2
    assert len(short.out.splitlines()) < 80 < 400 < len(whole.out.splitlines())
    assert whole.err == ""


def test_an_entity_as_json_has_all_its_fields(haloitsm):
    found = json.loads(haloitsm("entity", "GET /Tickets", "--json").out)
    assert found["listing"]["key"] == "tickets"
    assert len(found["fields"]) > 200


def test_no_line_is_wider_than_100_columns(haloitsm):
    assert max(map(len, haloitsm("entity", "GET /Tickets", "--all").out.splitlines())) <= 100


def test_an_unknown_entity_gets_a_suggestion(haloitsm):
    ended = haloitsm("entity", "GET /Acton")
    assert ended.status == 1
    assert ended.err == "error: Halo has no operation 'GET /Acton'. Did you mean 'GET /Actions'?\n"
