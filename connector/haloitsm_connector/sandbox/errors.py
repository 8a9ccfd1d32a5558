"""Halo's many error bodies: which part of the API answers with which, and how each is written (halo-api-facts 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import orjson

from haloitsm_connector.sandbox.answers import JSON, Answer
from haloitsm_connector.sandbox.quirks import Quirks, Shape

_FAMILIES: dict[str, Shape] = {
    "actions": "text",
    "asset": "message",
    "attachment": "error",
    "client": "json_string",
    "invoice": "result_code",
    "report": "json_string",
    "site": "description",
    "users": "model_state",
    "webhook": "field",
}
_ROTATION: tuple[Shape, ...] = tuple(shape for shape in get_args(Shape) if shape not in ("empty", "html"))


class Refusal(Exception):  # noqa: N818 - Halo refuses; nothing is wrong with the sandbox
    """A request that Halo refuses; ``field`` is the property it complains about, ``shape`` overrides the body."""

    def __init__(self, text: str, *, status: int = 400, field: str = "", shape: Shape | None = None) -> None:
        super().__init__(text)
        self.text, self.status, self.field, self.shape = text, status, field, shape


def refused(refusal: Refusal, family: str, quirks: Quirks, nth: int = 0) -> Answer:
    """Write a refusal the way ``family`` (first path segment) does; ``nth`` counts errors for the rotating mode."""
    shape: Shape
    if refusal.shape:
        shape = refusal.shape
    elif quirks.error_shape == "family":
        shape = _FAMILIES.get(family.casefold(), "exception")
    elif quirks.error_shape == "rotate":
        shape = _ROTATION[nth % len(_ROTATION)]
    else:
        shape = quirks.error_shape
    return shaped(shape, refusal.text, refusal.status, refusal.field)


def shaped(shape: Shape, text: str, status: int, field: str = "") -> Answer:
    """Write an error text as one of Halo's error bodies."""
    if shape == "empty":
        return Answer(status, content_type="")
    if shape == "text":
        return Answer(status, text.encode(), "text/plain; charset=utf-8")
    if shape == "html":
        page = f"<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>{text}</h1></body></html>"
        return Answer(status, page.encode(), "text/html; charset=utf-8")
    return Answer(status, orjson.dumps(_BODIES[shape](text, field, status)), JSON)


def _exception(text: str, field: str, status: int) -> dict[str, Any]:
    """A serialised .NET exception, with the keys such a thing has."""
    return {
        "ClassName": "System.Exception",
        "Message": text,
        "Data": None,
        "InnerException": None,
        "StackTraceString": None,
        "HResult": -2146233088,
        "Source": None,
    }


_BODIES: dict[str, Callable[[str, str, int], Any]] = {
    "json_string": lambda text, field, status: text,
    "exception": _exception,
    "message": lambda text, field, status: {"Message": text},
    "error": lambda text, field, status: {"error": text},
    "description": lambda text, field, status: {"error": "bad_request", "error_description": text},
    "result_code": lambda text, field, status: {"resultCode": status, "errorMessage": text},
    "field": lambda text, field, status: {field.rpartition(".")[2] or "id": text},
    "model_state": lambda text, field, status: {field or "id": [text]},
}
