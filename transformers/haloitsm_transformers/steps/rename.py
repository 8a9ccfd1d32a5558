"""``rename``: give fields new names where they are."""

from __future__ import annotations

from pydantic import Field, RootModel, field_validator

from haloitsm_transformers.contract import Builder, EntityFunction, Example, Transformer
from haloitsm_transformers.errors import StepProblem, StepsError
from haloitsm_transformers.fields import Pattern, problems_found
from haloitsm_transformers.paths import ANY, parse_path, parse_pattern, split
from haloitsm_transformers.patterns import relocation


class Rename(RootModel[dict[Pattern, str]]):
    """Give fields new names; a path may go down and hold *, the field stays where it is.

    Missing path: nothing happens. Null and empty lists are renamed as any value. Wrong type on the way: the path is
    not there. All are renamed at once, so two names can be exchanged; a field that already has the new name is
    replaced; the renamed field comes last in its object.
    """

    root: dict[Pattern, str] = Field(min_length=1, description="Pattern of the field to its new name.")

    @field_validator("root")
    @classmethod
    def _names(cls, root: dict[str, str]) -> dict[str, str]:
        if problems := [StepProblem((of,), *wrong) for of, name in root.items() if (wrong := _wrong(of, name))]:
            raise problems_found(problems)
        return root


def _wrong(of: str, name: str) -> tuple[str, str] | None:
    if not isinstance(parse_pattern(of)[-1], str):
        return f"'{of}' ends in no name", "Only named fields can be renamed."
    try:
        parts = parse_path(name)
    except StepsError as error:
        return error.problems[0].what, error.problems[0].hint
    if len(parts) > 1:
        return (
            f"'{name}' is a path, not a name",
            "To put it elsewhere use 'move'; a name that holds a dot stands in quotes.",
        )
    return None


def build(params: Rename, builder: Builder) -> EntityFunction:
    """Compile to a move within the same object."""
    return relocation([(of, _beside(of, name)) for of, name in params.root.items()], keep=False)


def _beside(of: str, name: str) -> str:
    stars = 0
    parts = []
    for part, segment in zip(split(of)[:-1], parse_pattern(of)[:-1], strict=True):
        stars += segment is ANY
        parts.append(f"${stars}" if segment is ANY else part)
    return ".".join([*parts, name])


TRANSFORMER = Transformer(
    "rename",
    "entity",
    Rename,
    build,
    examples=(
        Example("New names", {"summary": "subject"}, {"id": 1, "summary": "Printer"}, {"id": 1, "subject": "Printer"}),
        Example(
            "In every item of a list",
            {"lines.*.qty": "quantity"},
            {"lines": [{"qty": 1}, {"sku": "B"}]},
            {"lines": [{"quantity": 1}, {"sku": "B"}]},
        ),
        Example("Two names are exchanged", {"a": "b", "b": "a"}, {"a": 1, "b": 2}, {"a": 2, "b": 1}),
        Example("A missing field is fine, null is a value", {"x": "y", "a": "b"}, {"a": None}, {"b": None}),
        Example("An empty list on the way has no fields", {"lines.*.a": "b"}, {"lines": []}, {"lines": []}),
        Example("Nor has a text", {"lines.a": "b"}, {"lines": "none"}, {"lines": "none"}),
    ),
    json=True,
)
