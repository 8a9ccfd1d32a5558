"""One request budget per tenant, shared by every client of this machine through a small file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

from haloitsm_connector.client import ledger, uri
from haloitsm_connector.client.fields import HaloClientFields, HttpClientFields, RequestBudget
from haloitsm_connector.client.ledger import Lease, Ledger, Rules
from haloitsm_connector.client.logging import LOGGER
from haloitsm_connector.client.shared_file import PrivateLine, SharedFile, temporary_folder

HOSTED = (".haloitsm.com", ".halopsa.com", ".haloservicedesk.com", ".halocrm.com")
"""Where the names of hosted systems end (halo-api-facts 1.1); only those are rate limited (halo-api-facts 6)."""
LOOK_SECONDS = 5.0
"""Nobody sleeps longer than this without looking again: slots come back, clocks are set."""
LOCK_SECONDS = 2.0
"""After this time a lock that is always held belongs to a process that hangs."""
WORTH_TELLING_SECONDS = 1.0

Result = TypeVar("Result")
Decide = Callable[[Ledger, float], tuple[Ledger, Result]]


def budget_of(fields: HaloClientFields | HttpClientFields, api_uri: str) -> Budget | None:
    """Return the budget of the tenant that a client talks to, None where there is none."""
    host = uri.host_of(api_uri).lower()
    hosted = (urlsplit(api_uri).hostname or "").endswith(HOSTED)
    chosen = fields.budget or (RequestBudget() if hosted else "off")
    if chosen == "off":
        return None
    # The name of a hosted system begins with its tenant, which is mostly left to be found out.
    tenant = getattr(fields, "tenant", None) or (host.partition(".")[0] if hosted else "")
    name = f"{host} {tenant}".rstrip()
    return Budget(name, Rules(chosen.requests, chosen.window_seconds), state_folder(fields.state_folder) / "budgets")


def state_folder(chosen: str | None) -> Path:
    """Return where state is kept: the folder chosen, else HALOITSM_STATE_DIR, else the user's state folder."""
    if folder := chosen or os.environ.get("HALOITSM_STATE_DIR"):
        return Path(folder).expanduser()
    import platformdirs

    return platformdirs.user_state_path("haloitsm")


class Budget:
    """Lets requests of one client pass as the budget allows; its coroutines run on the client's event loop.

    The ledger is in a file, for all who share the budget. A few slots at a time are counted there in advance, so that
    most requests cost no more than a look at the clock.
    """

    def __init__(self, name: str, rules: Rules, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self.rules = rules
        self._clock = clock  # of the wall: the one that processes share
        self._lease = Lease()
        self._turn = asyncio.Lock()
        self._told = float("-inf")
        self._places = _places(folder, f"{quote(name, safe='')}.json")
        self._place: SharedFile | PrivateLine = next(self._places)

    def take(self) -> bool:
        """Count a request if it may be sent at once, by what was counted in advance."""
        return self._lease.take(self._clock())

    async def acquire(self) -> None:
        """Wait until a request may be sent, and count it."""
        async with self._turn:
            while not self.take():
                wait = await self._change(self._renewed)
                if wait:
                    self._tell(wait)
                    spread = random.random() * self.rules.step_seconds  # noqa: S311 - or all who wait came at once
                    await asyncio.sleep(min(wait + spread, LOOK_SECONDS))

    async def refused(self, asked_seconds: float | None, *, full: bool) -> None:
        """Pause everybody who shares the budget; ``full`` when the window is full by the server's count (429)."""

        def pause(known: Ledger, now: float) -> tuple[Ledger, None]:
            known = self._without_lease(known)
            return ledger.refused(known, self.rules, now, asked_seconds=asked_seconds, full=full), None

        await self._change(pause)

    async def left(self) -> int:
        """Return how many requests may be sent at once."""
        return await self._change(
            lambda known, now: (known, ledger.left(ledger.give_back(known, self._lease), self.rules, now))
        )

    async def release(self) -> None:
        """Give back what was counted in advance."""
        if self._lease.count:
            await self._change(lambda known, now: (self._without_lease(known), None))

    def _renewed(self, known: Ledger, now: float) -> tuple[Ledger, float]:
        known, self._lease = ledger.lease(self._without_lease(known), self.rules, now)
        return known, 0.0 if self._lease.count else ledger.wait_seconds(known, self.rules, now)

    def _without_lease(self, known: Ledger) -> Ledger:
        unused, self._lease = self._lease, Lease()
        return ledger.give_back(known, unused)

    async def _change(self, decide: Decide[Result]) -> Result:
        def change(line: bytes) -> tuple[bytes, Result]:
            now = self._clock()
            known, result = decide(ledger.current(self._read(line), self.rules, now), now)
            return known.text(), result

        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                return self._place.change(change)
            except OSError as error:
                if isinstance(error, BlockingIOError) and time.monotonic() < deadline:
                    await asyncio.sleep(0.001 + 0.004 * random.random())  # noqa: S311 - guards nothing
                    continue
                self._move(error)
                deadline = time.monotonic() + LOCK_SECONDS

    def _read(self, line: bytes) -> Ledger:
        try:
            return Ledger.read(line) if line else Ledger()
        except ValueError:
            LOGGER.warning("the record of requests to %s was damaged; counting starts again", self.name)
            return Ledger()

    def _move(self, error: OSError) -> None:
        old, self._place = self._place, next(self._places)
        if isinstance(old, SharedFile):
            new = self._place.path if isinstance(self._place, SharedFile) else "the memory of this client alone"
            why = error.strerror or error
            LOGGER.warning("requests to %s cannot be counted in %s (%s), but in %s", self.name, old.path, why, new)

    def _tell(self, wait: float) -> None:
        """Say that requests wait, once per window."""
        now = time.monotonic()
        if wait >= WORTH_TELLING_SECONDS and now - self._told > self.rules.window_seconds:
            self._told = now
            LOGGER.warning("the request budget of %s (%s) is used up: waiting %.0f s", self.name, self.rules, wait)


def _places(folder: Path, name: str) -> Iterator[SharedFile | PrivateLine]:
    """Yield where to count: the state folder, a folder for temporary files, and at last memory."""
    yield SharedFile(folder / name)
    with contextlib.suppress(OSError):
        yield SharedFile(temporary_folder() / name)
    while True:
        yield PrivateLine()
