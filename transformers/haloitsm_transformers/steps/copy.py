"""``copy``: put values in other places of the entity as well."""

from __future__ import annotations

from pydantic import Field, RootModel, field_validator

from haloitsm_transformers.contract import Builder, EntityFunction, Example, Transformer
from haloitsm_transformers.fields import Pattern, checked_targets
from haloitsm_transformers.patterns import relocation


class Copy(RootModel[dict[Pattern, str]]):
    """Copy values to other places; $1 in the target is what the first * of the pattern stood for.

    Missing path: nothing happens. Null and empty lists are copied as any value. All is read first, then written as
    `set` does; what stands at a target is replaced. Wrong type: fails where a text, a number, true or false stands on
    the way to a target, and when two values would land on the same place.
    """

    root: dict[Pattern, str] = Field(min_length=1, description="Pattern of the values to their target.")

    _targets = field_validator("root")(checked_targets)


def build(params: Copy, builder: Builder) -> EntityFunction:
    """Compile patterns and targets."""
    return relocation(params.root.items(), keep=True)


TRANSFORMER = Transformer(
    "copy",
    "entity",
    Copy,
    build,
    examples=(
        Example("Keep the value and have it elsewhere", {"id": "path.id"}, {"id": 7}, {"id": 7, "path": {"id": 7}}),
        Example(
            "One list from the fields of another",
            {"lines.*.sku": "skus.$1"},
            {"lines": [{"sku": "A"}, {"sku": "B"}]},
            {"lines": [{"sku": "A"}, {"sku": "B"}], "skus": ["A", "B"]},
        ),
        Example(
            "An item without the field leaves null, so positions stay",
            {"lines.*.sku": "skus.$1"},
            {"lines": [{}, {"sku": "B"}]},
            {"lines": [{}, {"sku": "B"}], "skus": [None, "B"]},
        ),
        Example("A missing path is fine, null is a value", {"x": "y", "a": "b"}, {"a": None}, {"a": None, "b": None}),
        Example("An empty list is a value", {"a": "b", "a.*": "c.$1"}, {"a": []}, {"a": [], "b": []}),
        Example(
            "A text on the way fails", {"id": "client.id"}, {"id": 1, "client": "Acme"}, fails="client: holds text"
        ),
    ),
    json=True,
)
