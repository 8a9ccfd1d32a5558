"""A list is read so that nothing is missed and nothing comes twice, whatever moves between any two answers.

What moves is made up in moving_list.py. A seed that fails is in the message: ``read(Course.of(seed))`` replays it.
"""

from __future__ import annotations

from itertools import groupby

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_list import CAPS, FEW, KINDS, NEARS, SIZES, Course, Move, Told, read

from haloitsm_connector.client.drive import at_once, drive
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import AnswerError
from haloitsm_connector.subscriber import verified
from haloitsm_connector.subscriber.listing import Page

BLOCKS = 4
SCENARIOS = 4_000

moves = st.builds(
    Move,
    kind=st.sampled_from(KINDS),
    near=st.sampled_from(NEARS),
    offset=st.integers(-2, 2),
    rows=st.integers(1, 60),
    cap=st.sampled_from(SIZES),
)
courses = st.builds(
    Course,
    ids=st.sets(st.integers(1, 400), max_size=130).map(sorted).map(tuple),
    page_size=st.sampled_from([*SIZES, 500]),
    cap=st.sampled_from(SIZES),
    parallel=st.integers(1, 16),
    limit=st.none() | st.integers(1, 150),
    count=st.sampled_from(["right", "absent"]),
    moves=st.lists(st.lists(moves, max_size=3).map(tuple), max_size=30).map(tuple),
    chance=st.integers(0, 2**32),
    stops=st.lists(st.integers(1, 5), max_size=3).map(tuple),
)


@given(courses)
@settings(max_examples=300, deadline=None)
def test_no_record_is_missed_or_comes_twice_whatever_moves(course: Course) -> None:
    assert read(course).broken() == []


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_record_is_missed_or_comes_twice_under_moves_aimed_at_the_pages(block: int) -> None:
    for seed in range(block, SCENARIOS, BLOCKS):
        assert read(Course.of(seed)).broken() == [], f"seed {seed}"


def test_most_of_what_is_tried_is_read_to_its_end_while_it_moves() -> None:
    told = [read(Course.of(seed)) for seed in range(300)]
    assert sum(one.ending is None and one.moved > FEW for one in told) > 40
    assert sum(one.ending is not None for one in told) < 30


def test_reader_that_takes_every_page_as_it_comes_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified._Course, "_connects", lambda self, picture: True)
    assert any("missed" in " ".join(read(Course.of(seed)).broken()) for seed in range(300))


def moved_once(course: Course) -> Told:
    told = read(course)
    assert told.broken() == []
    assert not isinstance(told.ending, AnswerError)
    return told


def test_deleted_end_of_the_list_is_its_end() -> None:
    rows_up_to_the_end = Move("delete", "frontier", -1, 51)
    assert moved_once(Course(tuple(range(1, 52)), 100, 50, moves=((rows_up_to_the_end,),))).asked < 8


def test_two_empty_pages_are_no_list_without_pages() -> None:
    ids = tuple(range(1, 75))
    gone = (Move("delete", "start", 2, 1),)
    assert moved_once(Course(ids, 99, 25, parallel=8, moves=(gone,), stops=(4,))).ids[-1] == 74


@pytest.mark.parametrize("cap", sorted(CAPS))
def test_number_of_the_rows_of_a_page_does_not_bound_a_long_list(cap: int) -> None:
    assert len(moved_once(Course(tuple(range(1, 6_000)), cap, cap, count="page")).ids) == 5_999


def test_cap_is_found_although_rows_appear_before_the_place() -> None:
    ids = tuple(range(1, 402, 4))
    many = (Move("insert", "anywhere", 1, 200),)
    assert 401 in moved_once(Course(ids, 500, 100, count="absent", moves=(many,))).ids


def test_reading_begun_again_at_the_end_costs_few_requests() -> None:
    told = moved_once(Course(tuple(range(1, 1_001)), 50, 50, count="absent", stops=(20,)))
    assert told.asked <= 20 + 5


def read_with_a_hole(behind: int, rows: int, page_size: int) -> tuple[list[int], list[int]]:
    """Read a list that lacks an id behind so many rows.

    Returns how many rows each answer had, with a 0 where a page was given, and how many each of those pages.
    """
    ids = [number + (number > behind) for number in range(1, rows + 1)]
    shown: list[int] = []
    pages: list[int] = []

    def answer(request: Request) -> Response:
        query = dict(request.query)
        end = int(query["page_no"]) * int(query["page_size"])
        return Response(200, {}, orjson.dumps(ids[end - int(query["page_size"]) : end]))

    def page_of(response: Response) -> Page:
        found = response.json()
        shown.append(len(found))
        return Page([{"id": one} for one in found], rows)

    request = Request("GET", "/Tickets", (("page_size", str(page_size)), ("page_no", "1")))
    for page in drive(verified.read_verified(request, page_of, page_size=page_size, parallel=16), at_once(answer)):
        pages.append(len(page))
        shown.append(0)
    assert sum(pages) == rows
    return shown, pages


@pytest.mark.parametrize("size", [50, 100, 1_000])
def test_id_missing_between_two_pages_costs_a_few_rows_and_no_page(size: int) -> None:
    shown, pages = read_with_a_hole(2 * size, 20 * size, size)
    assert len(pages) <= 20 + 1
    assert sum(shown) <= 20 * size + size // 2


@pytest.mark.parametrize("size", [50, 100, 1_000])
def test_little_is_held_while_rows_are_asked_for_again(size: int) -> None:
    shown, _ = read_with_a_hole(2 * size, 30 * size, size)
    held = max(sum(rows) for more, rows in groupby(shown, bool) if more)
    assert held <= size + max(size, 500) + verified.NEVER_CUT
