"""Drive a flow: send the requests that it yields, hand on the results that it yields.

Subscribers and publishers are written once, as flows: generators without input or output of their own. A flow yields
a ``Request`` and is sent its ``Response``, or has the ``ConnectorError`` raised at the yield; or it yields a page of
results.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import ConnectorError, InputError

if TYPE_CHECKING:
    from haloitsm_connector.client.http_client import HttpClient

Result = TypeVar("Result")
Flow = Generator[Request | list[Result], Response | None, None]


def drive(flow: Flow[Result], send: Callable[[Request], Response]) -> Generator[list[Result]]:
    """Yield the flow's pages of results, sending its requests with ``send``."""
    step: Callable[[], Any] = partial(next, flow)
    try:
        while True:
            try:
                item = step()
            except StopIteration:
                return
            if isinstance(item, Request):
                try:
                    step = partial(flow.send, send(item))
                except ConnectorError as error:
                    step = partial(flow.throw, error)
            else:
                yield item
                step = partial(next, flow)
    finally:
        flow.close()


async def adrive(flow: Flow[Result], send: Callable[[Request], Awaitable[Response]]) -> AsyncIterator[list[Result]]:
    """Yield the flow's pages of results, awaiting ``send`` for its requests."""
    step: Callable[[], Any] = partial(next, flow)
    try:
        while True:
            try:
                item = step()
            except StopIteration:
                return
            if isinstance(item, Request):
                try:
                    step = partial(flow.send, await send(item))
                except ConnectorError as error:
                    step = partial(flow.throw, error)
            else:
                yield item
                step = partial(next, flow)
    finally:
        flow.close()


class Driven:
    """Something with flows, and the ``client`` that their requests are sent with; None for flows without requests."""

    client: HttpClient | None = None

    def _send(self, request: Request) -> Response:
        return self._connected.send(request)

    async def _asend(self, request: Request) -> Response:
        return await self._connected.asend(request)

    @property
    def _connected(self) -> HttpClient:
        if self.client is None:
            raise InputError(f"a {type(self).__name__} that sends requests needs a client", "Give it an HttpClient.")
        return self.client
