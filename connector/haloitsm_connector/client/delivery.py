"""Deliver one message: attempt, consult the retry table, wait, attempt again, or say in words why not."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from haloitsm_connector.client import retry, uri
from haloitsm_connector.client.budget import Budget
from haloitsm_connector.client.fields import Retry, Timeouts
from haloitsm_connector.client.logging import HttpLog
from haloitsm_connector.client.request import Response
from haloitsm_connector.client.retry import Decision, Event
from haloitsm_connector.client.stopping import unless_stopped
from haloitsm_connector.client.wire import AttemptError, Message, Wire
from haloitsm_connector.errors import AnswerError, LostAnswerError, RemoteError, UnreachableError

_WORDS: dict[Event, tuple[str, str]] = {
    Event.NAME_NOT_FOUND: (
        "there is no host named {host}",
        "Check the spelling of base_uri, and the name service or VPN of this machine.",
    ),
    Event.REFUSED: ("{host} refuses connections", "Check host and port of base_uri, and that the server is running."),
    Event.CONNECT_TIMEOUT: (
        "{host} does not take connections: none within {connect_seconds:g} s",
        "Check host and port of base_uri; a firewall, a VPN or a missing `proxy` may stand in between.",
    ),
    Event.NO_CONNECTION: ("no connection to {host}: {detail}", "Check base_uri and the network of this machine."),
    Event.PROXY: (
        "the proxy did not connect to {host}: {detail}",
        "Check `proxy`, or HTTPS_PROXY and NO_PROXY in the environment.",
    ),
    Event.TLS: (
        "no secure connection to {host}: {detail}",
        "If its certificate comes from your own company, set ca_bundle; if the server knows no TLS, write http://.",
    ),
    Event.NO_BUDGET: (
        "{call} was not sent: {detail}",
        "Other programs use the same budget, or too many requests wait; raise `retry.total_seconds` to wait longer.",
    ),
    Event.TIMEOUT: ("{call} got no answer: {detail}", "The server is slow: ask for less, or raise `timeouts`."),
    Event.DISCONNECTED: ("{call} got no answer: the connection was lost ({detail})", ""),
    Event.TRUNCATED: ("the answer to {call} was cut off ({detail})", ""),
    Event.TOO_LARGE: ("the answer to {call} is larger than {detail}", "Ask for less at a time."),
    Event.GARBLED: ("what answered {call} is not readable as HTTP ({detail})", "Check host and port of base_uri."),
}
_SLOWING = {Event.RATE_LIMIT, Event.REFUSED_FOR_NOW}
_UNREADABLE = {Event.TRUNCATED, Event.TOO_LARGE, Event.GARBLED}


@dataclass(slots=True)
class _Spent:
    """Seconds spent on one message: on tries and the waits between, and on waiting for the budget.

    Waiting for the budget is not failing: the clock of `retry.total_seconds` stands still, and that wait may take as
    long again.
    """

    trying: float = 0.0
    waiting: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """Sends messages over a wire, repeated as the table says and as far as ``policy`` lets it."""

    wire: Wire
    timeouts: Timeouts
    policy: Retry
    log: HttpLog
    budget: Budget | None = None

    async def send(self, message: Message, *, may_repeat: bool = True) -> Response:
        """Return the final answer, whatever its status; a RemoteError says why there is none.

        StoppedError where it was not in flight when the work at hand was told to stop: it had no effect, or may be
        repeated.
        """
        spent = _Spent()
        attempts = 0
        earlier: Response | None = None
        in_doubt = False
        while True:
            attempts += 1
            left = self.policy.total_seconds - spent.trying
            cut_short = may_repeat and left < self.timeouts.total_seconds  # a create is never left half-way
            outcome = await self._attempt(message, left if cut_short else self.timeouts.total_seconds, spent)
            if isinstance(outcome, AttemptError) and cut_short and earlier is not None:
                return earlier
            event = outcome.event if isinstance(outcome, AttemptError) else retry.event_of(message.url, outcome)
            if isinstance(outcome, Response) and event in {None, Event.UNAUTHORISED}:  # the session renews tokens
                return replace(outcome, repeated=True) if in_doubt else outcome
            assert event is not None
            asked = retry.retry_after(outcome.headers, datetime.now(UTC)) if isinstance(outcome, Response) else None
            if self.budget and event in _SLOWING:
                await self.budget.refused(asked, full=event is Event.RATE_LIMIT)
            progress = retry.Progress(attempts, spent.trying, self.policy.total_seconds - spent.trying)
            decision = self._decide(event, asked, progress, may_repeat)
            self._note(message, outcome, decision)
            earlier = outcome if isinstance(outcome, Response) else earlier
            in_doubt = in_doubt or retry.TABLE[event].perhaps_done
            if decision.wait_seconds is not None:
                await unless_stopped(asyncio.sleep(decision.wait_seconds), url=message.url)
                spent.trying += decision.wait_seconds
            elif isinstance(outcome, Response):
                return outcome
            else:
                raise self._error(message, outcome, attempts, may_repeat)

    async def _attempt(self, message: Message, seconds: float, spent: _Spent) -> Response | AttemptError:
        async with self.wire.slots:
            self.wire.begin()
            if self.budget and not await self._admitted(self.budget, spent, message.url):
                return AttemptError(Event.NO_BUDGET, f"no room in the request budget ({self.budget.rules})")
            started = time.monotonic()
            try:
                response = await self.wire.exchange(message, seconds)
            except AttemptError as failure:
                return failure
            finally:
                spent.trying += time.monotonic() - started
        self.log.answered(message, response)
        return response

    async def _admitted(self, budget: Budget, spent: _Spent, url: str) -> bool:
        if budget.take():
            return True
        started = time.monotonic()
        try:
            async with asyncio.timeout(self.policy.total_seconds - spent.waiting):
                await unless_stopped(budget.acquire(), url=url)
        except TimeoutError:
            return False
        finally:
            spent.waiting += time.monotonic() - started
        return True

    def _decide(self, event: Event, asked: float | None, progress: retry.Progress, may_repeat: bool) -> Decision:
        return retry.decide(
            event,
            progress,
            may_repeat=may_repeat,
            policy=self.policy,
            connect_seconds=self.timeouts.connect_seconds,
            chance=random.random(),  # noqa: S311 - spreads clients out, guards nothing
            retry_after_seconds=asked,
        )

    def _note(self, message: Message, outcome: Response | AttemptError, decision: Decision) -> None:
        wait = decision.wait_seconds
        next_step = f"no further try: {decision.why}" if wait is None else f"again in {wait:.1f} s: {decision.why}"
        if isinstance(outcome, AttemptError):
            self.log.failed(message, outcome, next_step)
        else:
            self.log.repeated(message, outcome.status, next_step)

    def _error(self, message: Message, failure: AttemptError, attempts: int, may_repeat: bool) -> RemoteError:
        what, hint = _WORDS[failure.event]
        call = f"{message.method} {message.url}"
        what = what.format(
            host=uri.host_of(message.url),
            call=call,
            detail=failure.detail or str(failure.event),
            connect_seconds=self.timeouts.connect_seconds,
        )
        what += f" (tried {attempts} times)" if attempts > 1 else ""
        if retry.TABLE[failure.event].perhaps_done and not may_repeat:
            hint = "It may have taken effect: look whether the record is there before you send it again."
            return LostAnswerError(what, hint, url=message.url)
        if failure.event in _UNREADABLE:
            return AnswerError(what, hint, url=message.url)
        return UnreachableError(what, hint, url=message.url, sent=retry.TABLE[failure.event].perhaps_done)
