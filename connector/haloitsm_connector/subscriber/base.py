"""What every subscriber offers: one flow, seen as an iterable, as pages, and as both of them async."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Generator, Iterator
from typing import TYPE_CHECKING

from haloitsm_connector.client.drive import Driven, Flow, adrive, drive
from haloitsm_connector.client.request import Request
from haloitsm_transformers import Entity

if TYPE_CHECKING:
    pass


class SubscriberBase(Driven, ABC):
    """A source of entities; iterate over it, or over its ``pages()``, as often as you like: each time reads anew.

    A subscriber of your own implements `flow` and sets ``client`` if it sends requests.
    """

    @abstractmethod
    def flow(self) -> Flow[Entity]:
        """Yield requests and pages of entities; see `haloitsm_connector.client.drive`."""

    def requests(self) -> Iterator[Request]:
        """Yield the first request of every parameter set, final and unsent; nothing for a source without requests."""
        return iter(())

    def pages(self) -> Generator[list[Entity]]:
        """Read, and yield the entities a page at a time. Raises RemoteError or InputError where reading ends early."""
        return drive(self.flow(), self._start)

    def apages(self) -> AsyncIterator[list[Entity]]:
        """Read as `pages` does, without blocking the event loop."""
        return adrive(self.flow(), self._start)

    def __iter__(self) -> Iterator[Entity]:
        for page in self.pages():
            yield from page

    async def __aiter__(self) -> AsyncIterator[Entity]:
        async for page in self.apages():
            for entity in page:
                yield entity
