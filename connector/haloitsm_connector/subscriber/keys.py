"""Which records there are: sets of ids, kept compactly."""

from __future__ import annotations

import base64
import binascii
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise

import orjson


class Ids:
    """A set of whole numbers, eight bytes each, that does not change."""

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self._ids = array("q", sorted(set(ids)))

    @classmethod
    def read(cls, text: str) -> Ids:
        """Read what `written` wrote; ValueError for anything else."""
        try:
            return cls(accumulate(orjson.loads(zlib.decompress(base64.b85decode(text)))))
        except (zlib.error, binascii.Error, TypeError) as error:
            raise ValueError(str(error)) from None

    def written(self) -> str:
        """Write them as text: the gaps between them, compressed, so that a thousand in a row take a few characters."""
        gaps = [*self._ids[:1], *(after - before for before, after in pairwise(self._ids))]
        return base64.b85encode(zlib.compress(orjson.dumps(gaps), 9)).decode()

    def __contains__(self, one: int) -> bool:
        at = bisect_left(self._ids, one)
        return at < len(self._ids) and self._ids[at] == one

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)
