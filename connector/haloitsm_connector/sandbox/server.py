"""The sandbox on a socket: a real HTTP server in a background thread, or in the foreground for the command line."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from haloitsm_connector.catalogue import Catalogue
from haloitsm_connector.errors import InputError
from haloitsm_connector.sandbox.answers import Asked, read_query
from haloitsm_connector.sandbox.auth import Credentials
from haloitsm_connector.sandbox.fault_file import Source, read_faults
from haloitsm_connector.sandbox.faults import Due, Fault, Faults, Reset, Stage, Tally, begun, due
from haloitsm_connector.sandbox.halo import Halo
from haloitsm_connector.sandbox.journal import Effect, Recorded
from haloitsm_connector.sandbox.quirks import Quirks, changed
from haloitsm_connector.sandbox.sending import response_to, sent
from haloitsm_connector.sandbox.striking import carried_out, surround, waiting_seconds
from haloitsm_connector.sandbox.tables import Tables

_JOURNAL = 100_000


@dataclass(slots=True)
class _Course:
    """The faults of a sandbox, and how far it is with them."""

    faults: Faults
    tally: Tally

    def next(self, asked: Asked) -> list[Due]:
        """Return the faults that this request meets."""
        found, self.tally = due(self.faults, self.tally, asked)
        return found


class Sandbox:
    """A HaloITSM of your own, on loopback unless ``host`` says otherwise; use it as a context manager.

    ``port`` 0 takes a free one. The same ``seed`` gives the same data, ``scale`` multiplies it, ``data`` (a mapping or
    a JSON file) replaces tables of it. ``faults`` (a mapping, a YAML file or `Faults`) go wrong on demand. ``now``
    stops the clock. ``switches`` are fields of `Quirks`. InputError names an unknown switch, bad data, or a port that
    is taken; ConfigError has the problems of a file of faults.
    """

    def __init__(
        self, port: int = 0, seed: int = 1, data: Path | str | Mapping[str, Any] | None = None, *,
        host: str = "127.0.0.1", scale: float = 1.0, now: datetime | None = None, catalogue: Catalogue | None = None,
        faults: Source = None, **switches: Any,
    ) -> None:  # fmt: skip
        catalogue = catalogue or Catalogue.load()
        stopped = now.astimezone(UTC).replace(tzinfo=None) if now and now.tzinfo else now
        self._credentials = Credentials.made_up(seed)
        self._halo = Halo(
            catalogue, self._credentials, changed(Quirks(), switches), seed=seed, scale=scale, now=stopped,
            data=data,
        )  # fmt: skip
        self.faults = faults
        self._host, self._port = host, port
        self._stop: Callable[[], object] = lambda: None
        self._thread: threading.Thread | None = None
        self._delivering: set[asyncio.Task[None]] = set()
        self.requests: list[Recorded] = []
        """Every request so far, oldest first; past 100,000 the older half is forgotten."""
        self.busy = 0
        """How many requests are being answered; what they do may not all be written down yet."""

    @property
    def base_uri(self) -> str:
        """Where the sandbox listens, without a slash at the end; empty until it is started."""
        return self._halo.base_uri

    @property
    def environment(self) -> dict[str, str]:
        """The ``HALO_*`` variables that lead a configuration to this sandbox, its secrets among them."""
        return {
            "HALO_BASE_URI": self.base_uri,
            "HALO_TENANT": self.tenant,
            "HALO_CLIENT_ID": self.client_id,
            "HALO_CLIENT_SECRET": self.client_secret,
            "HALO_USERNAME": self.username,
            "HALO_PASSWORD": self.password,
            "HALO_API_KEY": self.api_key,
        }

    @property
    def tables(self) -> Tables:
        """The data: ``sandbox.tables["Tickets"][2001]``, ``sandbox.tables["Actions"][2001, 1]``."""
        return self._halo.tables

    @property
    def quirks(self) -> Quirks:
        """The switches as they stand; change them with `switch`."""
        return self._halo.quirks

    @property
    def faults(self) -> Faults:
        """What goes wrong on demand; setting it, to a mapping, a YAML file, `Faults` or None, begins anew."""
        return self._course.faults

    @faults.setter
    def faults(self, source: Source) -> None:
        faults = read_faults(source, list(self.tables))
        self._course = _Course(faults, begun(faults))

    @property
    def effects(self) -> list[Effect]:
        """What happened to records, oldest first; `requests` has the same by request."""
        return [effect for request in self.requests for effect in request.effects]

    @property
    def violations(self) -> Counter[str]:
        """How many requests were over ``rate_limit``, by caller: ``token 1`` (the first), ``api key``, ``nobody``."""
        return self._halo.violations

    @property
    def tenant(self) -> str:
        """The tenant name that the token endpoint knows."""
        return self._credentials.tenant

    @property
    def client_id(self) -> str:
        """The id of the API application."""
        return self._credentials.client_id

    @property
    def client_secret(self) -> str:
        """The secret of the API application."""
        return self._credentials.client_secret

    @property
    def username(self) -> str:
        """The login of the agent, for the password grant."""
        return self._credentials.username

    @property
    def password(self) -> str:
        """The password of the agent."""
        return self._credentials.password

    @property
    def api_key(self) -> str:
        """What X-Halo-Api-Key takes."""
        return self._credentials.api_key

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._thread is not None and self._thread.is_alive()

    def switch(self, **switches: Any) -> None:
        """Change switches while the sandbox runs."""
        self._halo.quirks = changed(self._halo.quirks, switches)

    def revoke_tokens(self) -> None:
        """Make every token that was handed out answer 401."""
        self._halo.tokens.revoke()

    def start(self) -> Self:
        """Listen and return at once; InputError when the port cannot be had."""
        listening: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(listening)), name="sandbox", daemon=True)
        self._thread.start()
        try:
            listening.result()
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"Cannot listen on {self._host}:{self._port}: {reason}", "Give another port.") from None
        return self

    def close(self) -> None:
        """Stop listening; nothing happens when it does not."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop()
            thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _run(self, listening: Future[None]) -> None:
        """Serve until `close`; whether the port could be had goes to ``listening``."""
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stopped.set)
        runner = web.ServerRunner(web.Server(self._respond), shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
            host, port = runner.addresses[0][:2]
            self._halo.base_uri = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            listening.set_result(None)
            await stopped.wait()
        except Exception as error:
            if listening.done():
                raise
            listening.set_exception(error)
        finally:
            await runner.cleanup()

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        """Turn a request on the socket into a value, have it answered, and write it down."""
        self.busy += 1
        try:
            return await self._answered(request, time.monotonic())
        finally:
            self.busy -= 1

    async def _answered(self, request: web.BaseRequest, at: float) -> web.StreamResponse:
        body = await request.content.read()
        target = request.raw_path
        path, _, query = target.partition("?")
        headers = {name.casefold(): value for name, value in request.headers.items()}
        asked = Asked(request.method, path, read_query(query), headers, body)
        if self._course.faults.faults:
            return await self._disturbed(request, asked, at)
        answered = self._halo.answer(asked)
        self._record(Recorded(request.method, target, answered.status, headers, body, at, self._taken()))
        return response_to(answered)

    async def _disturbed(self, request: web.BaseRequest, asked: Asked, at: float) -> web.StreamResponse:
        """Answer a request with the faults that it meets."""
        found = self._course.next(asked)
        surround(self._halo, found)
        effects = self._taken()
        await asyncio.sleep(waiting_seconds(found, "before"))
        answering = _of(found, "answer")
        answered = carried_out(self._halo, asked, _of(found, "work"), answering)
        status = 0 if isinstance(answering, Reset) else answered.status
        faults = tuple(one.fault for one in found)
        effects += self._taken()
        self._record(
            Recorded(asked.method, request.raw_path, status, asked.headers, asked.body, at, effects, faults)
        )  # fmt: skip
        await asyncio.sleep(waiting_seconds(found, "after"))
        return await sent(request, answered, answering)

    def _taken(self) -> tuple[Effect, ...]:
        """Take away the effects since the last time."""
        effects = tuple(self._halo.effects)
        self._halo.effects.clear()
        return effects

    def _record(self, recorded: Recorded) -> None:
        self.requests.append(recorded)
        for delivery in self._halo.deliveries(recorded.effects):
            task = asyncio.get_running_loop().create_task(self._halo.deliver(delivery))
            self._delivering.add(task)
            task.add_done_callback(self._delivering.discard)
        if len(self.requests) > _JOURNAL:
            del self.requests[: _JOURNAL // 2]


def _of(found: list[Due], stage: Stage) -> Fault | None:
    return next((one.fault for one in found if one.fault.stage == stage), None)


def serve(
    port: int = 0, seed: int = 1, data: Path | str | None = None, *, ready: Callable[[Sandbox], None], **options: Any
) -> None:
    """Run a sandbox until interrupted (Ctrl-C); ``ready`` is called once it listens. Options as for `Sandbox`."""
    with Sandbox(port, seed, data, **options) as sandbox, contextlib.suppress(KeyboardInterrupt):
        ready(sandbox)
        while sandbox.running:
            time.sleep(0.2)
