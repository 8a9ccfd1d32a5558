"""``fail``: say that an entity must not go on."""

from __future__ import annotations

from typing import NoReturn

from pydantic import Field, RootModel

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Transformer
from haloitsm_transformers.errors import TransformError
from haloitsm_transformers.fields import Text


class Fail(RootModel[Text]):
    """Fail every entity that comes here, with a message; it mostly stands inside `when`.

    The message may hold {{ placeholders }}. Missing path, null, wrong type, empty list: the entity fails all the same,
    with a message about the placeholder that gives them, since they cannot stand inside a text.
    """

    root: Text = Field(description="What is wrong with the entity.")


def build(params: Fail, builder: Builder) -> EntityFunction:
    """Compile the message."""
    message = builder.template(params.root)

    def fail(entity: Entity) -> NoReturn:
        raise TransformError(message(entity))

    return fail


TRANSFORMER = Transformer(
    "fail",
    "entity",
    Fail,
    build,
    own_copy=False,
    examples=(
        Example(
            "The message of the failure",
            "ticket {{ id }} has no client",
            {"id": 7, "note": "ü"},
            fails="ticket 7 has no client",
        ),
        Example(
            "What cannot stand inside a text, a missing path, null, a list, says so instead",
            "ticket {{ id }} has no client",
            {"id": []},
            fails="id: gives a list, which cannot stand inside a text",
        ),
    ),
    json=True,
)
