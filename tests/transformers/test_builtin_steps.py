"""Every built-in step keeps the promises of a transformer; its examples are the tests."""

from __future__ import annotations

import pkgutil

import pytest

from haloitsm_transformers import Registry, steps
from haloitsm_transformers.testing import check_transformer

REGISTRY = Registry.installed()
BUILT_IN = [module.name for module in pkgutil.iter_modules(steps.__path__)]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_step_does_what_its_examples_say(name):
    check_transformer(REGISTRY.get(name), REGISTRY)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_step_says_what_happens_to_what_is_not_there(name):
    meaning = (REGISTRY.get(name).params.__doc__ or "").lower()
    for case in ("missing path", "null", "wrong type", "empty list"):
        assert case in meaning or case.split()[-1] in meaning.split("missing path")[-1], case


def test_every_built_in_step_is_installed():
    assert set(BUILT_IN) <= set(REGISTRY.names())
