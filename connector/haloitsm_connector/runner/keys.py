"""The keys of tasks: those with the same key are delivered one after the other."""

from __future__ import annotations

from collections.abc import Callable

from haloitsm_transformers import Entity, TransformError, template
from haloitsm_transformers.placeholders import as_text


def key_of(text: str | None) -> Callable[[Entity], str | None]:
    """Return what reads the key of an entity: by a template or, without one, its id; None where that gives no text."""
    if text is None:
        return id_of
    fill = template(text)

    def read(entity: Entity) -> str | None:
        try:
            return as_text(fill(entity)) or None
        except TransformError:
            return None

    return read


def id_of(entity: Entity) -> str | None:
    """Return the id of an entity as text, None where it has none."""
    return as_text(entity.get("id")) or None
