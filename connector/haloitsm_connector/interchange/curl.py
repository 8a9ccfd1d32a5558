"""Commands of curl as browsers copy them: for a POSIX shell or for Windows' cmd, one or several."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from haloitsm_connector.errors import InputError
from haloitsm_connector.interchange.captured import Captured
from haloitsm_connector.interchange.halo_address import Pairs
from haloitsm_connector.interchange.notes import Note

_SHORT = {
    "X": "request", "H": "header", "d": "data", "b": "cookie", "u": "user", "A": "user-agent", "e": "referer",
    "G": "get", "k": "insecure", "I": "head", "L": "location", "s": "silent", "S": "show-error", "i": "include",
    "v": "verbose", "o": "output", "F": "form", "m": "max-time", "x": "proxy", "f": "fail", "T": "upload-file",
}  # fmt: skip
_TAKING = frozenset({
    "request", "header", "data", "data-raw", "data-binary", "data-ascii", "data-urlencode", "json", "cookie", "user",
    "user-agent", "referer", "url", "output", "form", "max-time", "connect-timeout", "proxy", "upload-file", "cert",
    "key", "cacert", "retry", "cookie-jar", "form-string", "resolve",
})  # fmt: skip
_SILENT = frozenset({
    "compressed", "location", "silent", "show-error", "include", "verbose", "output", "user-agent", "referer", "fail",
    "http1.1", "http2", "globoff",
})  # fmt: skip
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}
_AFTER_BACKSLASH = frozenset('"\\$`\n')
_FOR_CMD = re.compile(r"^\s*curl(\.exe)? +\^\"|\^[ \t]*\r?$", re.MULTILINE)
_CODE = re.compile(r"u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|x([0-9A-Fa-f]{1,2})|([0-7]{1,3})")


def read_curl(text: str) -> tuple[list[Captured], list[Note]]:
    """Return the requests that commands send, and notes about options that are left out.

    InputError where there is no curl command, or one that cannot be read.
    """
    commands = _cmd(text) if _FOR_CMD.search(text) else _shell(text)
    found = [words for words in commands if words and re.fullmatch(r"(.*[/\\])?curl(\.exe)?", words[0])]
    if not found:
        hint = "In the browser's network tab: right-click the row, Copy, 'Copy as cURL'."
        raise InputError("there is no curl command", hint)
    notes: list[Note] = []
    return [_captured(f"command {number}", words[1:], notes) for number, words in enumerate(found, start=1)], notes


@dataclass(slots=True)
class _Asked:
    """What the options of one command ask for."""

    where: str
    method: str = ""
    urls: list[str] = field(default_factory=list)
    headers: Pairs = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    in_query: bool = False


def _captured(where: str, words: list[str], notes: list[Note]) -> Captured:
    asked = _Asked(where)
    for name, value in _options(words, where):
        if name in _SETTERS:
            _SETTERS[name](asked, value)
        elif name not in _SILENT:
            notes.append(Note(where, _REFUSED.get(name, f"its option --{name} is left out")))
    if not asked.urls:
        raise InputError(f"{where}: there is no URL in it", "Copy it again, whole.")
    url, data = asked.urls[0], "&".join(asked.data) if asked.data else None
    notes += [Note(where, "has several URLs: only the first is taken")] * (len(asked.urls) > 1)
    if asked.in_query and data:
        url, data = f"{url}{'&' if '?' in url else '?'}{data}", None
    url = url if "://" in url else f"https://{url}"
    try:
        urlsplit(url)
    except ValueError:
        raise InputError(f"{where}: {url} is no URL", "Copy it again, whole.") from None
    method = asked.method or ("GET" if data is None else "POST")
    return Captured(where, method.upper(), url, asked.headers, data)


_REFUSED: Mapping[str, str] = {
    "insecure": "asks not to verify TLS: it is always verified, ca_bundle names your company's certificates",
    "form": "sends a form: left out",
    "upload-file": "sends a file: left out",
}


def _header(asked: _Asked, value: str) -> None:
    name, _, text = value.partition(":")
    asked.headers.append((name.strip(), text.strip()))


def _data(asked: _Asked, value: str) -> None:
    if value.startswith("@"):
        raise InputError(f"{asked.where}: its data is in the file {value[1:]}", "Put the text itself in its place.")
    asked.data.append(value)


def _encoded(asked: _Asked, value: str) -> None:
    name, equals, text = value.partition("=")
    asked.data.append(f"{name}={quote(text)}" if equals and name else quote(text or name))


_SETTERS: Mapping[str, Callable[[_Asked, str], object]] = {
    "request": lambda asked, value: setattr(asked, "method", value),
    "head": lambda asked, value: setattr(asked, "method", "HEAD"),
    "get": lambda asked, value: setattr(asked, "in_query", True),
    "url": lambda asked, value: asked.urls.append(value),
    "header": _header,
    "cookie": lambda asked, value: asked.headers.append(("Cookie", value)),
    "user": lambda asked, value: asked.headers.append(
        ("Authorization", f"Basic {base64.b64encode(value.encode()).decode()}")
    ),
    "data": _data,
    "data-ascii": _data,
    "data-binary": _data,
    "data-raw": lambda asked, value: asked.data.append(value),
    "json": _data,
    "data-urlencode": _encoded,
}


def _options(words: list[str], where: str) -> Iterator[tuple[str, str]]:
    """Yield names and values of options; what is no option is a URL."""
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            yield name, value if equals else _value(name, rest, where)
        elif word.startswith("-") and len(word) > 1:
            yield from _short(word[1:], rest, where)
        else:
            yield "url", word


def _short(letters: str, rest: Iterator[str], where: str) -> Iterator[tuple[str, str]]:
    """Yield options of one letter: ``-sS`` is two, ``-XPOST`` one with its value."""
    for position, letter in enumerate(letters):
        name = _SHORT.get(letter, letter)
        if name in _TAKING:
            yield name, letters[position + 1 :] or _value(name, rest, where)
            return
        yield name, ""


def _value(name: str, rest: Iterator[str], where: str) -> str:
    if name not in _TAKING:
        return ""
    value = next(rest, None)
    if value is None:
        raise InputError(f"{where}: the value of --{name} is missing", "Copy it again, whole.")
    return value


def _shell(text: str) -> list[list[str]]:
    """Split text into commands of words as a POSIX shell does, with bash's ``$'…'``; nothing is expanded."""
    commands: list[list[str]] = [[]]
    word: str | None = None
    position = 0
    while position < len(text):
        char = text[position]
        if text.startswith("$'", position):
            part, position = _ansi(text, position + 2)
            word = (word or "") + part
        elif char in "'\"":
            part, position = _quoted(text, position + 1, char)
            word = (word or "") + part
        elif char == "\\":
            escaped = text[position + 1 : position + 3]
            width = 2 if escaped == "\r\n" else 1
            word = word if escaped[:1] in "\r\n" else (word or "") + escaped[:1]
            position += 1 + width
        elif char in " \t\r\n;&|":
            commands[-1] += [word] if word is not None else []
            word = None
            commands += [[]] if char in "\n;&|" and commands[-1] else []
            position += 1
        else:
            word = (word or "") + char
            position += 1
    commands[-1] += [word] if word is not None else []
    return commands


def _quoted(text: str, start: int, quote_mark: str) -> tuple[str, int]:
    parts = []
    position = start
    while position < len(text) and text[position] != quote_mark:
        if quote_mark == '"' and text[position] == "\\" and text[position + 1 : position + 2] in _AFTER_BACKSLASH:
            position += 1
            parts.append(text[position] if text[position] != "\n" else "")
        else:
            parts.append(text[position])
        position += 1
    if position >= len(text):
        raise InputError(f"a quote ({quote_mark}) in the command does not close", "Copy it again, whole.")
    return "".join(parts), position + 1


def _ansi(text: str, start: int) -> tuple[str, int]:
    """Read a ``$'…'`` word, in which Chrome writes what is beyond ASCII, as UTF-16 units, and quotes."""
    parts: list[str] = []
    position = start
    while position < len(text) and text[position] != "'":
        if text[position] != "\\":
            parts.append(text[position])
            position += 1
        elif code := _CODE.match(text, position + 1):
            digits = next(group for group in code.groups() if group)
            parts.append(chr(int(digits, 8 if code[4] else 16)))
            position = code.end()
        else:
            parts.append(_ESCAPES.get(text[position + 1 : position + 2], text[position + 1 : position + 2]))
            position += 2
    if position >= len(text):
        raise InputError("a quote (') in the command does not close", "Copy it again, whole.")
    joined = "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return joined, position + 1


def _cmd(text: str) -> list[list[str]]:
    """Split text into commands of words as Windows' cmd and curl.exe do: ``^`` escapes, and ``\\`` a quote."""
    commands: list[list[str]] = []
    for line in re.split(r"(?<!\^)(?:\r?\n|&\s*(?=curl))", re.sub(r"\^\r?\n\s*", " ", text)):
        plain = re.sub(r"\^(.)", r"\1", line.replace("^\r\n", "").replace("^\n", ""))
        words = [_unslashed(match[0]) for match in re.finditer(r'(?:"(?:\\.|""|[^"\\])*"|[^\s"&])+', plain)]
        commands += [words] if words else []
    return commands


def _unslashed(word: str) -> str:
    inside = re.sub(r'"((?:\\.|""|[^"\\])*)"', lambda match: match[1].replace('""', '"'), word)
    return re.sub(r'\\(["\\])', r"\1", inside)
