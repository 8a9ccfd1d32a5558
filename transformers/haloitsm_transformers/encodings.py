"""Values written as text in the forms that other systems use, and read back."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple
from urllib.parse import quote, unquote
from xml.parsers.expat import ExpatError

from haloitsm_transformers.errors import TransformError, kind_of
from haloitsm_transformers.html_text import html_to_text, text_to_html
from haloitsm_transformers.placeholders import as_text


class Encoding(NamedTuple):
    """A form: how a value is written in it, and how it is read; both raise TransformError for what they cannot take."""

    encode: Callable[[Any], str]
    decode: Callable[[Any], Any]


def text_of(value: Any) -> str:
    """Return a text, or a number or truth value written as text; TransformError for anything else."""
    written = as_text(value)
    if written is None:
        raise TransformError(f"is {kind_of(value)}, not text")
    return written


def _write_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise TransformError("is nested too deeply") from None
    except ValueError as error:  # NaN, or a number of more digits than Python writes
        raise TransformError(f"cannot be written as JSON: {error}") from None


def _read_json(value: Any) -> Any:
    try:
        return json.loads(text_of(value), parse_constant=_refuse, parse_float=_number)
    except RecursionError:
        raise TransformError("holds JSON that is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise TransformError(f"is text that is not JSON: {error.msg} at character {error.pos + 1}") from None
    except ValueError as error:  # NaN, or a number of more digits than Python reads
        raise TransformError(f"is text that is not JSON: {error}") from None


def _number(text: str) -> float:
    found = float(text)
    return found if isfinite(found) else float(_refuse(text))


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _write_xml(value: Any) -> str:
    import xmltodict

    if not isinstance(value, dict) or len(value) != 1:
        raise TransformError(f"is {kind_of(value)}; XML is written of an object with one name, that of the root")
    try:
        if wrong := next(filter(_NO_NAME.search, _names(value)), None):
            raise TransformError(f"cannot be written as XML: '{wrong}' is no name of an element")
        written: str = xmltodict.unparse(value)
        xmltodict.parse(written)  # other names that are none, and characters that XML has no way to write
    except RecursionError:
        raise TransformError("is nested too deeply") from None
    except (ValueError, ExpatError) as error:
        raise TransformError(f"cannot be written as XML: {error}") from None
    return written


_NO_NAME = re.compile(r"""[<>/"'=\s]|^[?!]""")
"""What turns a name into markup; not every release of xmltodict looks."""


def _names(value: Any) -> Iterator[str]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield from value
    for part in parts:
        yield from _names(part)


def _read_xml(value: Any) -> Any:
    import xmltodict

    try:
        return xmltodict.parse(text_of(value), postprocessor=_shallow)
    except (ValueError, ExpatError) as error:
        raise TransformError(f"is text that is not XML: {error}") from None


_DEEPEST = 200


def _shallow(path: list[Any], name: str, value: Any) -> tuple[str, Any]:
    if len(path) > _DEEPEST:
        raise ValueError(f"elements are nested more than {_DEEPEST} deep")
    return name, value


def _write_base64(value: Any) -> str:
    return base64.b64encode(_utf8(value)).decode()


def _read_base64(value: Any) -> str:
    try:
        return base64.b64decode("".join(text_of(value).split()), validate=True).decode()
    except (binascii.Error, ValueError):
        raise TransformError("is not the base64 of a text") from None


def _write_url(value: Any) -> str:
    return quote(_utf8(value), safe="")


def _read_url(value: Any) -> str:
    try:
        return unquote(text_of(value), errors="strict")
    except UnicodeDecodeError:
        raise TransformError("is not the percent-encoding of a text") from None


def _utf8(value: Any) -> bytes:
    try:
        return text_of(value).encode()
    except UnicodeEncodeError:
        raise TransformError("holds half of a surrogate pair, which has no encoding") from None


ENCODINGS: Mapping[str, Encoding] = {
    "base64": Encoding(_write_base64, _read_base64),
    "html": Encoding(lambda value: text_to_html(text_of(value)), lambda value: html_to_text(text_of(value))),
    "json": Encoding(_write_json, _read_json),
    "url": Encoding(_write_url, _read_url),
    "xml": Encoding(_write_xml, _read_xml),
}
"""Forms by name. Those of texts read text only; ``json`` takes any value, ``xml`` an object with one root.

XML reads as objects: an element's attributes under ``@name``, its text under ``#text`` where it has attributes too,
elements of one name as a list. Entities that a document declares itself are refused.
"""
