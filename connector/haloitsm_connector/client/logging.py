"""HTTP logging at three levels, to the standard logger ``haloitsm.http``; secrets never get that far."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from haloitsm_connector.client.fields import LogLevel
from haloitsm_connector.client.redaction import Redactor
from haloitsm_connector.client.request import Response
from haloitsm_connector.client.wire import AttemptError, Message

LOGGER = logging.getLogger("haloitsm.http")
START = 500
"""Characters of a body that level ``long`` shows."""

_TEXT_TYPES = ("text/", "application/json", "application/x-www-form-urlencoded", "application/problem+json")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a request: its ``status`` and how long it took, or the ``failure`` that it ended in (None, 0).

    The URL is without secrets.
    """

    method: str
    url: str
    status: int | None
    seconds: float
    failure: str = ""


WATCHERS: list[Callable[[Attempt], None]] = []
"""Are told every attempt of every client of this process, whatever is logged; they must be quick and raise nothing."""


class HttpLog:
    """Writes one record per attempt, as far as ``level`` says."""

    def __init__(self, level: LogLevel, redactor: Redactor) -> None:
        self._level = level
        self._redactor = redactor

    def answered(self, message: Message, response: Response) -> None:
        """Record an answer of any status."""
        if WATCHERS:
            self._watched(message, response.status, response.seconds)
        if self._level == "off" or not LOGGER.isEnabledFor(logging.INFO):
            return
        line = f"{message.method} {message.url} {response.status} in {response.seconds * 1000:.0f} ms"
        if self._level == "simple":
            self._write(logging.INFO, line)
            return
        sent = self._part(">", dict(message.headers), message.content or b"")
        came = self._part("<", response.headers, response.body)
        self._write(logging.INFO, "\n".join([line, *sent, *came]))

    def failed(self, message: Message, failure: AttemptError, why: str) -> None:
        """Record an attempt without an answer, and what comes next."""
        if WATCHERS:
            self._watched(message, None, 0.0, str(failure.event))
        if self._level != "off":
            detail = f" ({failure.detail})" if failure.detail else ""
            self._write(logging.WARNING, f"{message.method} {message.url} failed: {failure.event}{detail}; {why}")

    def repeated(self, message: Message, status: int, why: str) -> None:
        """Record that an answer is not taken as final."""
        if self._level != "off":
            self._write(logging.WARNING, f"{message.method} {message.url} answered {status}; {why}")

    def _watched(self, message: Message, status: int | None, seconds: float, failure: str = "") -> None:
        attempt = Attempt(message.method, self._redactor.text(message.url), status, seconds, failure)
        for watch in WATCHERS:
            watch(attempt)

    def _write(self, level: int, text: str) -> None:
        LOGGER.log(level, "%s", self._redactor.text(text))

    def _part(self, sign: str, headers: Mapping[str, str], body: bytes) -> list[str]:
        lines = [f"{sign} {name}: {value}" for name, value in self._redactor.headers(headers).items()]
        if body:
            # Hidden before it is cut: the first half of a secret is one too.
            text = self._redactor.text(_text_of(headers, body))
            lines.append(text if self._level == "full" or len(text) <= START else f"{text[:START]} …")
        return lines


def _text_of(headers: Mapping[str, str], body: bytes) -> str:
    media_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    if media_type.lower().startswith(_TEXT_TYPES):
        return body.decode("utf-8", "replace")
    return f"[{len(body)} bytes of {media_type.partition(';')[0] or 'an unnamed type'}]"
