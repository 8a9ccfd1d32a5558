"""What the tests of steps share."""

from __future__ import annotations

import pytest

from haloitsm_transformers import Registry, compile_chain


@pytest.fixture(scope="session")
def registry():
    return Registry.installed()


@pytest.fixture(scope="session")
def run(registry):
    """Run entities through steps and return what comes out."""

    def run_steps(steps, entities, chains=None, **options):
        opened = compile_chain(steps, registry, chains).open(**options)
        return [*opened(entities), *opened.finish()]

    return run_steps
