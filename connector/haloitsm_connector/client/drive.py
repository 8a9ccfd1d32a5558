"""Drive a flow: send the requests that it yields, hand on the results that it yields.

Subscribers and publishers are written once, as flows: generators without input or output of their own. A flow yields
a ``Request`` and is sent its ``Response``, or has the ``ConnectorError`` raised at the yield; or it yields a page of
results.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from functools import partial
from typing import Any, TypeVar

from haloitsm_connector.client.request import Request, Response
from haloitsm_connector.errors import ConnectorError

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
