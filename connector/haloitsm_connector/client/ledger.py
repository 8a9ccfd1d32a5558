"""What was sent to one tenant lately, and what may be sent now: values and pure functions; times are passed in.

A request is counted from the last moment at which it may leave, so that slots can be had in advance. Halo counts in a
rolling window of five minutes and refuses with 429 what is too much (halo-api-facts 6).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import orjson

STEPS = 200
"""Into how many steps a window is divided: the grain of the record, and how long a slot may be kept unused."""
LATENCY_SECONDS = 0.25
"""Two requests may take times to the server that differ by this much, or by a hundredth of the window."""
LONGEST_WINDOW_SECONDS = 86_400.0
SLOTS_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Rules:
    """At most ``requests`` in any window of ``window_seconds``."""

    requests: int
    window_seconds: float

    def __str__(self) -> str:
        return f"{self.requests} requests per {self.window_seconds:g} s"

    @property
    def step_seconds(self) -> float:
        """The grain of time."""
        return self.window_seconds / STEPS

    @property
    def counted_seconds(self) -> float:
        """How long a request counts: the window, and what the ways to the server may differ by."""
        return self.window_seconds + max(LATENCY_SECONDS, self.window_seconds / 100)

    @property
    def first_pause_seconds(self) -> float:
        """How long everybody pauses after a refusal that names no time: 10 s of five minutes."""
        return self.window_seconds / 30

    @property
    def longest_pause_seconds(self) -> float:
        """What the pause is doubled up to while refusals go on: 60 s of five minutes."""
        return self.window_seconds / 5


@dataclass(frozen=True, slots=True)
class Ledger:
    """What all who share a budget know: requests by the moment until which they may leave, and the present pause.

    ``counted_seconds`` is the longest that any of them counts a request.
    """

    sent: Mapping[float, int] = field(default_factory=dict)
    not_before: float = 0.0
    pause_seconds: float = 0.0
    counted_seconds: float = 0.0

    @classmethod
    def read(cls, text: bytes) -> Ledger:
        """Read what ``text`` wrote; ValueError when it is anything else."""
        try:
            not_before, pause, counted, *pairs = orjson.loads(text)
            sent = {float(moment): int(count) for moment, count in pairs}
            ledger = cls(sent, float(not_before), float(pause), float(counted))
        except (TypeError, OverflowError) as error:
            raise ValueError(str(error)) from None
        if not 0 <= ledger.counted_seconds <= 2 * LONGEST_WINDOW_SECONDS or min(sent.values(), default=1) < 0:
            raise ValueError("values that cannot be")
        return ledger

    def text(self) -> bytes:
        """Write the ledger as one line of JSON."""
        return orjson.dumps([self.not_before, self.pause_seconds, self.counted_seconds, *self.sent.items()])


@dataclass(slots=True)
class Lease:
    """Slots that are counted already; ``count`` of them are left to be used from ``since`` on, before ``until``."""

    count: int = 0
    since: float = 0.0
    until: float = 0.0

    def take(self, now: float) -> bool:
        """Use one slot, if there is one that is still good."""
        if self.count and self.since <= now < self.until:
            self.count -= 1
            return True
        return False


def current(ledger: Ledger, rules: Rules, now: float) -> Ledger:
    """Forget what no longer counts, and take moments too far ahead as now: the clock was set back, or time was lost.

    So no record, whatever it says, can stop anybody for longer than a window.
    """
    counted = max(ledger.counted_seconds, rules.counted_seconds)
    latest = now + counted / STEPS * 2
    sent: dict[float, int] = {}
    for moment, count in ledger.sent.items():
        if moment > now - counted and count:
            moment = min(moment, latest)
            sent[moment] = sent.get(moment, 0) + count
    pause = min(max(ledger.pause_seconds, 0.0), rules.longest_pause_seconds)
    return Ledger(sent, min(ledger.not_before, now + rules.window_seconds), pause, counted)


def used(ledger: Ledger, rules: Rules, now: float) -> int:
    """Return how many requests count at present."""
    return sum(count for moment, count in ledger.sent.items() if moment > now - rules.counted_seconds)


def left(ledger: Ledger, rules: Rules, now: float) -> int:
    """Return how many requests may be sent at once: none during a pause."""
    return 0 if now < ledger.not_before else max(0, rules.requests - used(ledger, rules, now))


def lease(ledger: Ledger, rules: Rules, now: float) -> tuple[Ledger, Lease]:
    """Count slots in advance: ten where there is plenty, one where it is tight, none when there is none."""
    free = left(ledger, rules, now)
    until = (math.floor(now / rules.step_seconds) + 2) * rules.step_seconds
    taken = Lease(min(free, SLOTS_AT_ONCE, max(1, free // (2 * SLOTS_AT_ONCE))), now, until)
    if not taken.count:
        return ledger, taken
    return replace(ledger, sent={**ledger.sent, until: ledger.sent.get(until, 0) + taken.count}), taken


def give_back(ledger: Ledger, unused: Lease) -> Ledger:
    """Count no longer what was not used."""
    counted = ledger.sent.get(unused.until, 0)
    return replace(ledger, sent={**ledger.sent, unused.until: max(0, counted - unused.count)}) if counted else ledger


def wait_seconds(ledger: Ledger, rules: Rules, now: float) -> float:
    """Return how long it takes until a request may be sent, if nobody else is faster; 0 when one may."""
    paused = ledger.not_before - now
    too_many = used(ledger, rules, now) - rules.requests + 1
    for moment in sorted(moment for moment in ledger.sent if moment > now - rules.counted_seconds):
        if too_many <= 0:
            break
        too_many -= ledger.sent[moment]
        paused = max(paused, moment + rules.counted_seconds - now)
    return max(0.0, paused)


def refused(ledger: Ledger, rules: Rules, now: float, *, asked_seconds: float | None, full: bool) -> Ledger:
    """Pause everybody after a refusal: for what the server asked, at most a window, or for a time of our own.

    A refusal soon after the last pause doubles the pause; one of a request that left before the pause began does not.
    ``full`` (a 429): the server counts more than we do, so what is missing up to the budget was sent by others. When
    they sent it is not known; taken as spread over the window, it makes room again little by little.
    """
    pausing = now < ledger.not_before
    pause = ledger.pause_seconds
    if not pausing:
        again = now < ledger.not_before + pause
        pause = min(2 * pause, rules.longest_pause_seconds) if again else rules.first_pause_seconds
    not_before = ledger.not_before if pausing else now + pause
    if asked_seconds:
        not_before = max(ledger.not_before, now + min(asked_seconds, rules.window_seconds))
    missing = rules.requests - used(ledger, rules, now) if full else 0
    sent = dict(ledger.sent)
    last = math.floor(now / rules.step_seconds)
    for number in range(STEPS if missing > 0 else 0):
        if count := missing * (number + 1) // STEPS - missing * number // STEPS:
            moment = (last - number) * rules.step_seconds
            sent[moment] = sent.get(moment, 0) + count
    return replace(ledger, sent=sent, not_before=not_before, pause_seconds=pause)
