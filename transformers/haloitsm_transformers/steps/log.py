"""``log``: write down that an entity came by."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from haloitsm_transformers.contract import Builder, Entity, EntityFunction, Example, Params, Transformer
from haloitsm_transformers.fields import Text


class Log(Params):
    """Write a line to the log for every entity, which goes on as it is.

    The message may hold {{ placeholders }}. Missing path, null, wrong type, empty list: fails where a placeholder gives
    them inside a text; write {{ name || '' }}, or `on_error: keep` beside the step.
    """

    message: Text = Field(description="What is written.")
    level: Literal["info", "warning", "error"] = Field("info", description="How serious it is.")


def build(params: Log, builder: Builder) -> EntityFunction:
    """Compile the message."""
    message, level = builder.template(params.message), params.level
    write = builder.capability("log")
    at = f"{builder.origin}: " if builder.origin else ""

    def log(entity: Entity) -> Entity:
        write(level, f"{at}{_one_line(str(message(entity)))}")
        return entity

    return log


def _one_line(text: str) -> str:
    """Write line ends and all that a terminal would obey as escapes: what is logged may come from anybody."""
    return text if text.isprintable() else "".join([c if c.isprintable() else repr(c)[1:-1] for c in text])


TRANSFORMER = Transformer(
    "log",
    "entity",
    Log,
    build,
    needs=("log",),
    own_copy=False,
    examples=(
        Example(
            "A line for each entity",
            {"message": "ticket {{ id }} of {{ client.name || 'nobody' }}", "level": "warning"},
            [{"id": 7}, {"id": 10**20, "client": {"name": "Ünal"}}],
            [{"id": 7}, {"id": 10**20, "client": {"name": "Ünal"}}],
        ),
        Example(
            "A missing path inside a text fails, and so do null, lists and objects",
            {"message": "client {{ client }}"},
            {"client": []},
            fails="client: gives a list, which cannot stand inside a text",
        ),
    ),
    json=True,
)
