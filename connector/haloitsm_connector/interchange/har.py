"""Recordings of a browser's network tab (HAR 1.2), as Chrome and Firefox write them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from haloitsm_connector.catalogue.types import mapping, sequence
from haloitsm_connector.errors import InputError
from haloitsm_connector.interchange.captured import Captured
from haloitsm_connector.interchange.notes import Note


def read_har(path: Path) -> tuple[list[Captured], list[Note]]:
    """Return the requests of a recording in the order of time, and notes about what cannot be read in it.

    InputError where the file is no recording.
    """
    entries = mapping(mapping(_json(path)).get("log")).get("entries")
    if not isinstance(entries, list):
        hint = "In the browser's network tab: right-click a row, 'Save all as HAR'."
        raise InputError(f"{path} is no HAR recording: it has no list 'log.entries'", hint)
    rows = [(number, entry) for number, entry in enumerate(map(mapping, entries), start=1) if entry.get("request")]
    rows.sort(key=lambda row: str(row[1].get("startedDateTime") or ""))
    notes: list[Note] = []
    return [_captured(f"entry {number}", entry, notes) for number, entry in rows], notes


def _captured(where: str, entry: Mapping[str, Any], notes: list[Note]) -> Captured:
    request, response = mapping(entry["request"]), mapping(entry.get("response"))
    posted, content = mapping(request.get("postData")), mapping(response.get("content"))
    headers = [
        (str(row.get("name")), str(row.get("value") or "")) for row in map(mapping, sequence(request.get("headers")))
    ]
    body = _text(posted)
    if body is None and (rows := [mapping(row) for row in sequence(posted.get("params"))]):
        body = urlencode([(str(row.get("name")), str(row.get("value") or "")) for row in rows])
    if body is None and request.get("bodySize", 0) not in (0, -1, None):
        notes.append(Note(where, "the recording lacks what was sent"))
    status = response.get("status")
    return Captured(
        where,
        str(request.get("method") or "GET").upper(),
        str(request.get("url") or ""),
        [(name, value) for name, value in headers if not name.startswith(":")],  # HTTP/2 writes method and path so
        body,
        status if isinstance(status, int) else None,
        _text(content),
    )


def _text(part: Mapping[str, Any]) -> str | None:
    """Return a body as text; binary ones stand in base64."""
    text = part.get("text")
    if not isinstance(text, str) or not text:
        return None
    if part.get("encoding") != "base64":
        return text
    try:
        return base64.b64decode(text).decode("utf-8-sig", "replace")
    except (binascii.Error, ValueError):
        return None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no HAR recording: it is not JSON ({error})") from error
