"""Read a list that cannot be read in the order of ids: as often as it takes until it is seen to have stood still."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial

from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import AnswerError
from haloitsm_connector.subscriber.listing import Page
from haloitsm_connector.subscriber.paging import Next, Read, Reading, read_pages, sifted, told_apart
from haloitsm_transformers import Entity

MOST_PASSES = 5


@dataclass(slots=True)
class _Pass:
    """What one pass over a list has seen."""

    rows: int = 0
    new: int = 0
    total: float = 0

    def noting(self, read: Read) -> Read:
        """Return ``read``, and note how many records the answers tell of."""

        def noted(response: Response) -> Page:
            page = read(response)
            self.total = page.total
            return page

        return noted

    def sift(self, rows: list[Entity], seen: set[Hashable], key: Sequence[str]) -> list[Entity]:
        """Return the rows that are seen for the first time."""
        found = told_apart(rows, key)
        new = {each: row for each, row in found.items() if each not in seen}
        seen.update(new)
        self.rows += len(rows)
        self.new += len(new)
        return list(new.values())


def read_passes(
    request: Request, read: Read, advance: Next, *, key: Sequence[str], page_size: int, parallel: int = 1
) -> Reading:
    """Yield every record once, and read again whenever the number of records shows that rows moved meanwhile.

    What identifies the records is remembered. Raises AnswerError when the list never stands still. It does not notice
    a row that moved away while another one came: only an order by id shows that.
    """
    seen: set[Hashable] = set()
    yielded = 0
    for number in range(MOST_PASSES):
        now = _Pass()
        reading = read_pages(request, now.noting(read), advance, key=key, page_size=page_size, parallel=parallel)
        yielded += yield from sifted(reading, partial(now.sift, seen=seen, key=key))
        whole = number == 0 and now.new == now.rows and now.total in (0, now.rows)
        if whole or now.new == 0:
            return yielded
    what = f"{request.path} changes faster than it can be read: each of {MOST_PASSES} times it held other records"
    hint = "Read it at a quieter time, or with `consistency: fast`, which may miss some."
    raise AnswerError(f"{what} ({yielded} were read)", hint)
