"""HTML to text and back, for notes and e-mails.

What is read may come from anybody, so the time must be in proportion to its length: one pass over the tokens, each
character looked at a bounded number of times, no tree. Tags that are never closed cost nothing.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_ATTRIBUTE = re.compile(r"""[\s/]*([^\s/>=][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*)))?""")
_SPACE = re.compile(r"[ \t\n\r\f]+")
_RAW = {"script", "style", "title", "textarea", "template", "noscript", "iframe", "svg", "math"}
_LISTS = {"ol", "ul"}
_PARAGRAPHS = _LISTS | {"p", "blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "pre", "table"}
_LINES = _PARAGRAPHS | {
    *("address", "article", "aside", "body", "center", "dd", "details", "div", "dt", "fieldset", "figcaption"),
    *("figure", "footer", "form", "header", "legend", "li", "main", "nav", "section", "summary", "tr"),
}


def html_to_text(source: str) -> str:
    """Return what a reader of the HTML would read.

    Paragraphs stand apart by an empty line, list items begin with "- " or their number, cells of a table are joined by
    " | ", a link's address follows its text in brackets, a picture is its alternative text.
    """
    page = _Page()
    for token in _tokens(source):
        if isinstance(token, str):
            page.text(token)
        else:
            page.tag(token)
    return page.written()


def text_to_html(text: str) -> str:
    """Return HTML that shows a text: what HTML would read as markup is escaped, lines and spaces are kept."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "<br>".join(_SPACES.sub(_kept_spaces, html.escape(line, quote=False)) for line in lines)


_SPACES = re.compile(r"^ +| {2,}| $")


def _kept_spaces(spaces: re.Match[str]) -> str:
    return "&nbsp;" * len(spaces[0])


def unescaped(source: str) -> str:
    """Read character references; of numbers longer than any character has, as of others that are none, U+FFFD."""
    return html.unescape(_TOO_LONG.sub("\ufffd", source))


_TOO_LONG = re.compile(r"&#[0-9]{50,};?")  # Python refuses to read numbers of thousands of digits


class _Tag(NamedTuple):
    name: str
    opens: bool
    attributes: dict[str, str]


def _tokens(source: str) -> Iterator[str | _Tag]:
    """Cut HTML into texts and tags, as far as text needs it; what a page ends in the middle of is left out."""
    position = 0
    while (opening := source.find("<", position)) >= 0:
        if opening > position:
            yield unescaped(source[position:opening])
        position = opening + 1
        if source.startswith(("!--", "!", "?"), position):
            position = _behind(source, "-->" if source.startswith("!--", position) else ">", position)
            continue
        closes = source.startswith("/", position)
        name = _NAME.match(source, position + closes)
        if not name:
            yield "<"
            continue
        attributes, position = _attributes(source, name.end())
        tag = _Tag(name[0].lower(), not closes, attributes)
        yield tag
        if tag.opens and tag.name in _RAW:
            position = _behind_raw(source, tag.name, position)
    yield unescaped(source[position:])


def _behind(source: str, mark: str, position: int) -> int:
    found = source.find(mark, position)
    return found + len(mark) if found >= 0 else len(source)


def _behind_raw(source: str, name: str, position: int) -> int:
    end = re.compile(f"</{name}", re.IGNORECASE).search(source, position)
    return _behind(source, ">", end.end()) if end else len(source)


def _attributes(source: str, position: int) -> tuple[dict[str, str], int]:
    """Read attributes up to the end of the tag; return them and where the tag ends."""
    attributes: dict[str, str] = {}
    if source.startswith(">", position):
        return attributes, position + 1
    while found := _ATTRIBUTE.match(source, position):
        name, *values = found.groups()
        attributes.setdefault(name.lower(), unescaped(next(filter(None, values), "")))
        position = found.end()
    return attributes, _behind(source, ">", position)


class _Page:
    """The text so far: words of the line at hand, and how many line breaks stand before the next word."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._breaks = 0
        self._space = False
        self._lists: list[int | None] = []  # of each list around: the number of its last item, None without numbers
        self._link: tuple[str, int] | None = None  # address, and how many parts there were when it began
        self._kept = 0  # how many elements around keep their spaces
        self._row = 0  # how many parts there were when the row of a table began
        self._cell = False  # whether a cell has begun, and another of its row has a text before it
        self._beginning = False  # whether an item or a cell has no text yet, so that paragraphs in it do not break

    def text(self, text: str) -> None:
        if self._kept:
            for number, line in enumerate(text.split("\n")):
                self._breaks += number > 0
                self._add(line)
            return
        words = _SPACE.sub(" ", text)
        self._space |= words.startswith(" ")
        if words.strip(" \xa0"):
            self._add(words.strip(" "))
            self._space = words.endswith(" ")

    def tag(self, tag: _Tag) -> None:
        name = tag.name
        if name in _BEGINNINGS:
            self._beginning = False
        if name == "br":
            self._breaks += 1
            self._space = False
        elif name in _LINES and not self._beginning:
            inside = name in _LISTS and len(self._lists) >= 2 - tag.opens
            self._break(2 if name in _PARAGRAPHS and not inside else 1)
        if act := _ACTS.get(name):
            act(self, tag)

    def _break(self, breaks: int) -> None:
        self._breaks = max(self._breaks, breaks)
        self._space = self._cell = False

    def _list(self, tag: _Tag) -> None:
        if tag.opens:
            self._lists.append(0 if tag.name == "ol" else None)
        elif self._lists:
            self._lists.pop()

    def _item(self, tag: _Tag) -> None:
        if not tag.opens:
            return
        number = self._lists[-1] if self._lists else None
        if number is not None:
            self._lists[-1] = number = number + 1
        indent = "  " * min(len(self._lists) - 1, _DEEPEST)
        self._add(f"{indent}-" if number is None else f"{indent}{number}.")
        self._space = self._beginning = True

    def _table_row(self, tag: _Tag) -> None:
        if tag.opens:
            self._row = len(self._parts)

    def _table_cell(self, tag: _Tag) -> None:
        if len(self._parts) > self._row:
            self._breaks = 0
            self._cell = True
        self._beginning = tag.opens

    def _pre(self, tag: _Tag) -> None:
        self._kept = max(0, self._kept + (1 if tag.opens else -1))

    def _picture(self, tag: _Tag) -> None:
        self.text(tag.attributes.get("alt", ""))

    def _anchor(self, tag: _Tag) -> None:
        if self._link:
            address, start = self._link
            shown = "".join(self._parts[start:]).strip()
            if shown and shown != address.removeprefix("mailto:"):
                self._parts.append(f" ({address})")
            self._link = None
        address = tag.attributes.get("href", "")
        if tag.opens and re.match(r"(?i)https?:|mailto:", address):
            self._link = address, len(self._parts)

    def _add(self, text: str) -> None:
        if self._cell:
            self._parts.append(" | ")
        elif self._parts and self._breaks:
            self._parts.append("\n" * self._breaks)
        elif self._parts and self._space:
            self._parts.append(" ")
        self._parts.append(text)
        self._breaks = 0
        self._space = self._cell = self._beginning = False

    def written(self) -> str:
        text = "".join(self._parts).replace("\xa0", " ")
        return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


_DEEPEST = 20
_BEGINNINGS = {"li", "tr", "td", "th"}
_ACTS: Mapping[str, Callable[[_Page, _Tag], None]] = {
    "a": _Page._anchor,
    "img": _Page._picture,
    "li": _Page._item,
    "ol": _Page._list,
    "pre": _Page._pre,
    "td": _Page._table_cell,
    "th": _Page._table_cell,
    "tr": _Page._table_row,
    "ul": _Page._list,
}
