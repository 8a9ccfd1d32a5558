"""Keep secrets out of logs and messages: known values wherever they stand, and whatever has a telling name."""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "***"
SHORTEST = 4
"""Shorter values are not searched for: hiding every "a" of a text would show what the secret is."""
LONGEST = 10_000
"""Longer values are documents; searching for them would cost seconds for every token."""
TOKENS_KEPT = 12

_NAMES = (
    "client_secret|client_assertion|password|passwd|access_token|refresh_token|id_token|api_?key|x-halo-api-key"
    "|authorization|secret|token"
)
_SECRET_VARIABLE = re.compile(r"(?:password|passwd|secret|token|api_?key)(?:_\d+)?", re.IGNORECASE)
_TELLING_HEADER = re.compile(r"auth|key|token|secret|password|cookie|signature", re.IGNORECASE)
_IN_JSON = re.compile(rf'("(?:{_NAMES})"\s*:\s*)"(?:[^"\\]|\\.)*"?', re.IGNORECASE)
_IN_FORM = re.compile(rf"(?<![\w-])((?:{_NAMES})=)[^&\s\"']+", re.IGNORECASE)
_IN_HEADER = re.compile(r"\b((?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}")


class Redactor:
    """Replaces secrets in text by ``***``; it learns new ones, such as tokens, as they turn up."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lasting = frozenset(secrets)
        self._tokens: deque[str] = deque(maxlen=TOKENS_KEPT)
        self._pattern = _pattern(self._lasting)

    def __repr__(self) -> str:
        return "Redactor()"

    def add(self, secrets: Iterable[str]) -> None:
        """Hide these secrets too, for good."""
        self._lasting = self._lasting.union(secrets)
        self._pattern = _pattern(self._lasting.union(self._tokens))

    def learn(self, tokens: Iterable[str]) -> None:
        """Hide these tokens too from now on; the oldest are forgotten when many newer ones came."""
        self._tokens.extend(tokens)
        self._pattern = _pattern(self._lasting.union(self._tokens))

    def values(self, text: str) -> str:
        """Hide the known secrets."""
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def data(self, value: Any) -> Any:
        """Return JSON data in which the known secrets are hidden."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.values(value)
        if isinstance(value, dict):
            return {name: self.data(part) for name, part in value.items()}
        return [self.data(part) for part in value] if isinstance(value, list) else value

    def text(self, text: str) -> str:
        """Hide the known secrets, and values that stand behind a telling name in JSON, forms and headers."""
        text = self.values(text)
        text = _IN_JSON.sub(rf'\1"{HIDDEN}"', text)
        text = _IN_FORM.sub(rf"\1{HIDDEN}", text)
        return _IN_HEADER.sub(rf"\1{HIDDEN}", text)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Hide the values of headers that carry credentials, and known secrets in the others."""
        return {name: HIDDEN if is_telling(name) else self.values(value) for name, value in headers.items()}


def is_telling(header: str) -> bool:
    """Whether a header of this name holds credentials."""
    return _TELLING_HEADER.search(header) is not None


def names_secret(variable: str) -> bool:
    """Whether the value of an environment variable is secret by how its name ends, as in ``DB_PASSWORD``."""
    return any(found.end() == len(variable) for found in _SECRET_VARIABLE.finditer(variable))


def basic(user: str, password: str) -> str:
    """Write the value of a Basic header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _pattern(secrets: Iterable[str]) -> re.Pattern[str] | None:
    spellings = {text for secret in secrets if SHORTEST <= len(secret) <= LONGEST for text in _spellings(secret)}
    longest_first = sorted(spellings, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _spellings(secret: str) -> Iterable[str]:
    encodable = secret.encode("utf-8", "replace").decode()
    yield secret
    yield encodable
    for safe in ("", "/", ",:"):
        yield quote(encodable, safe=safe)
        yield quote_plus(encodable, safe=safe)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield json.dumps(repr(secret)[1:-1])[1:-1]
