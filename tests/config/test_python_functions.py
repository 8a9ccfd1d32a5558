"""Functions of a configuration: only below the folder it names, only read by a check, run when a chain is opened."""

from __future__ import annotations

import pytest

from haloitsm_connector.config import load
from haloitsm_connector.config.python_functions import PythonFunctions
from haloitsm_connector.errors import ConfigError
from haloitsm_transformers import Registry, TransformError, compile_chain

MODULE = """
import os
from subprocess import run
from .rates import RATE
print("running")
def add(entity, rate=RATE):
    return {**entity, "total": entity["net"] * rate}
def broken(entity):
    return {"a": object()}
def text(entity):
    return "x"
LIMIT = 5
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "prices.py").write_text(MODULE)
    (tmp_path / "steps" / "rates.py").write_text("RATE = 3")
    (tmp_path / "steps" / "wrong.py").write_text("def add(:")
    (tmp_path / "steps" / "failing.py").write_text("1 / 0\ndef add(entity): ...")
    (tmp_path / "outside.py").write_text("def add(entity): return entity")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("prices.none", "the module 'prices' defines no 'none'"),
        ("prices.run", "the module 'prices' defines no 'run'"),
        ("prices.os", "the module 'prices' defines no 'os'"),
        ("nowhere.add", "the module 'nowhere' cannot be read: No such file"),
        ("wrong.add", "the module 'wrong' is no Python: invalid syntax"),
        ("add", "names no function: write module.function"),
        ("../outside.add", "names no function"),
        ("..outside.add", "names no function"),
        ("os.system", "the module 'os' cannot be read"),
    ],
)
def test_a_function_that_is_not_there_is_found_by_reading(folder, name, says):
    with pytest.raises(TransformError, match=says):
        PythonFunctions(folder, "steps").written(name)


def test_a_folder_outside_of_the_configuration_is_refused(folder):
    with pytest.raises(TransformError, match="outside of the configuration's folder"):
        PythonFunctions(folder / "steps", "..").written("outside.add")


def test_without_permission_there_is_no_function(folder):
    with pytest.raises(TransformError, match="allows no Python functions"):
        PythonFunctions(folder, None).load("prices.add")


def test_a_check_runs_nothing_of_a_module(folder, capsys):
    assert PythonFunctions(folder, "steps").written("prices.add")
    assert capsys.readouterr().out == ""


def test_a_module_that_cannot_be_imported_says_why(folder):
    with pytest.raises(TransformError, match="cannot be imported: ZeroDivisionError"):
        PythonFunctions(folder, "steps").load("failing.add")
    with pytest.raises(TransformError, match=r"'prices.LIMIT' is no function"):
        PythonFunctions(folder, "steps").load("prices.LIMIT")


def test_modules_of_two_configurations_are_apart(folder, tmp_path):
    other = tmp_path / "other" / "steps"
    other.mkdir(parents=True)
    (other / "prices.py").write_text("def add(entity): return 'other'")
    assert PythonFunctions(folder, "steps").load("prices.add")({"net": 2}) == {"net": 2, "total": 6}
    assert PythonFunctions(tmp_path / "other", "steps").load("prices.add")({}) == "other"


@pytest.mark.parametrize(
    ("function", "options", "says"),
    [
        ("prices.broken", {}, "the function returned what is no JSON"),
        ("prices.text", {}, "the function returned text, which is no entity"),
        ("prices.add", {}, r"prices.py:7: KeyError: 'net'"),
    ],
)
def test_what_goes_wrong_in_a_function_costs_the_entity(folder, function, options, says):
    chain = compile_chain([{"python": {"function": function, "with": options}}], Registry.installed())
    run = chain.open(capabilities={"modules": PythonFunctions(folder, "steps").load})
    with pytest.raises(TransformError, match=says):
        run([{}])


CONFIG = """
python: {folder: steps}
transformers:
  priced:
    - python: {function: prices.add, with: {rate: 2}}
"""


def test_a_configuration_allows_functions_by_its_folder(folder):
    (folder / "halo.yaml").write_text(CONFIG)
    assert load([folder / "halo.yaml"]).python_folder == "steps"
    (folder / "halo.yaml").write_text(CONFIG.replace("prices.add", "prices.ad"))
    with pytest.raises(ConfigError, match=r"halo.yaml:5:\d+: .*the module 'prices' defines no 'ad'"):
        load([folder / "halo.yaml"])
    (folder / "halo.yaml").write_text(CONFIG.replace("python: {folder: steps}", ""))
    with pytest.raises(ConfigError, match="allows no Python functions"):
        load([folder / "halo.yaml"])
