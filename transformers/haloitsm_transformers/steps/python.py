"""``python``: call a function of your own."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from haloitsm_transformers.contract import Builder, Entity, Example, Params, StreamFunction, Transformer
from haloitsm_transformers.errors import StepsError, TransformError, kind_of
from haloitsm_transformers.fields import asked


class Python(Params):
    """Call a Python function with each entity; it returns an entity, a list of them, or None to leave it out.

    The function is in a module below the folder that the configuration names with `python: {folder: steps}`. It gets a
    copy of its own, so it may change all of it. Missing path, null, wrong type, empty list: as the function does; what
    it raises fails the entity, and so does a result that is not JSON.
    """

    function: str = Field(description="The function, as module.function.")
    with_: dict[str, Any] = Field({}, alias="with", description="Further arguments, by name.")

    @field_validator("function")
    @classmethod
    def _there(cls, function: str, info: ValidationInfo) -> str:
        asked(info, "modules", function)
        return function


def build(params: Python, builder: Builder) -> StreamFunction:
    """Find the function."""
    function: Callable[..., Any] = builder.capability("modules")(params.function)
    try:
        inspect.signature(function).bind({}, **params.with_)
    except TypeError as error:
        raise StepsError.of(f"'{params.function}' cannot be called like this: {error}") from None
    except ValueError:
        pass  # one of Python's own functions, which do not say what they take

    def call(entity: Entity) -> list[Entity]:
        try:
            made = function(copy.deepcopy(entity), **copy.deepcopy(params.with_))
        except TransformError:
            raise
        except Exception as error:
            raise TransformError(f"{_line(error)}{type(error).__name__}: {error}"[:300].removesuffix(": ")) from error
        return [_checked(each) for each in (made if isinstance(made, list) else [] if made is None else [made])]

    return builder.each(call)


def _line(error: Exception) -> str:
    """Say the file and line in which the function failed."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}: " if trace else ""


def _checked(made: Any) -> Entity:
    if not isinstance(made, dict):
        raise TransformError(f"the function returned {kind_of(made)}, which is no entity")
    try:
        checked: Entity = json.loads(json.dumps(made, allow_nan=False))  # the function may keep what it returned
    except (TypeError, ValueError, RecursionError) as error:
        raise TransformError(f"the function returned what is no JSON: {error}") from None
    return checked


TRANSFORMER = Transformer(
    "python",
    "stream",
    Python,
    build,
    needs=("modules",),
    examples=(
        Example(
            "One entity in, one out",
            {"function": "examples.add_total", "with": {"rate": 0.5}},
            {"net": 10, "lines": []},
            {"net": 10, "lines": [], "total": 15.0},
        ),
        Example(
            "None leaves an entity out, a list gives many",
            {"function": "examples.each_line"},
            [{"lines": [{"sku": "A"}, {"sku": "Ä"}]}, {"lines": []}, {"lines": None}, {}],
            [{"sku": "A"}, {"sku": "Ä"}],
        ),
        Example(
            "What the function raises fails the entity",
            {"function": "examples.add_total", "with": {"rate": 0.5}},
            {"net": "10"},
            fails="TypeError",
        ),
    ),
    json=True,
)
