"""What every subscriber offers: one flow, seen as an iterable, as pages, and as both of them async."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Generator, Iterator
from typing import TYPE_CHECKING

from haloitsm_connector.client.drive import Flow, adrive, drive
from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import InputError
from haloitsm_transformers import Entity

if TYPE_CHECKING:
    from haloitsm_connector.client import HttpClient


class SubscriberBase(ABC):
    """A source of entities; iterate over it, or over its ``pages()``, as often as you like: each time reads anew.

    A subscriber of your own implements `flow` and sets ``client`` if it sends requests.
    """

    client: HttpClient | None = None

    @abstractmethod
    def flow(self) -> Flow[Entity]:
        """Yield requests and pages of entities; see `haloitsm_connector.client.drive`."""

    def requests(self) -> Iterator[Request]:
        """Yield the first request of every parameter set, final and unsent; nothing for a source without requests."""
        return iter(())

    def pages(self) -> Generator[list[Entity]]:
        """Read, and yield the entities a page at a time. Raises RemoteError or InputError where reading ends early."""
        return drive(self.flow(), self._send)

    def apages(self) -> AsyncIterator[list[Entity]]:
        """Read as `pages` does, without blocking the event loop."""
        return adrive(self.flow(), self._asend)

    def __iter__(self) -> Iterator[Entity]:
        for page in self.pages():
            yield from page

    async def __aiter__(self) -> AsyncIterator[Entity]:
        async for page in self.apages():
            for entity in page:
                yield entity

    def _send(self, request: Request) -> Response:
        return self._connected.send(request)

    async def _asend(self, request: Request) -> Response:
        return await self._connected.asend(request)

    @property
    def _connected(self) -> HttpClient:
        if self.client is None:
            raise InputError("a subscriber that sends requests needs a client", "Give it an HttpClient.")
        return self.client
