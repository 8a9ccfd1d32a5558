"""Wait for what is not in flight - a moment, room in the budget, a token - as long as nobody wants to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from haloitsm_connector.context import stopping
from haloitsm_connector.errors import StoppedError

Result = TypeVar("Result")
LOOK_SECONDS = 0.1
"""How often who waits looks whether it shall stop."""


async def unless_stopped(waiting: Awaitable[Result], *, url: str) -> Result:
    """Wait for something that a request to ``url`` needs first; StoppedError when the work at hand shall stop."""
    task = asyncio.ensure_future(waiting)
    try:
        while not stopping():
            done, _ = await asyncio.wait([task], timeout=LOOK_SECONDS)
            if done:
                return task.result()
    finally:
        task.cancel()
    what = f"a request to {url} waited to be sent when the run was told to stop"
    raise StoppedError(what, "The next run goes on with it.", url=url)
