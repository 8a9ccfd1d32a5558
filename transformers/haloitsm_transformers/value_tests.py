"""Named tests of one value, where a step picks the value itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haloitsm_transformers.conditions import TESTS, condition
from haloitsm_transformers.errors import StepProblem, StepsError

_NAME = "value"

TESTS_SCHEMA: Mapping[str, Any] = {
    name: {"description": test.summary, **test.option.schema} for name, test in TESTS.items()
}
"""JSON Schema of each test's option, by its name."""


def value_tests(tests: Any) -> Callable[[Any], bool]:
    """Compile a mapping of tests, such as ``{at_least: 1, at_most: 5}``; what comes back says whether all of them hold.

    It never raises. StepsError has the problems of what was written, each under the name of its test.
    """
    try:
        holds = condition({_NAME: tests})
    except StepsError as error:
        raise StepsError(StepProblem(found.path[1:], found.what, found.hint) for found in error.problems) from None
    return lambda value: holds({_NAME: value})
