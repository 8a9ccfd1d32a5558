"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted([*(ROOT / "connector").rglob("*.py"), *(ROOT / "transformers").rglob("*.py")])
NETWORK = {"httpx", "httpx2", "requests", "socket", "urllib.request"}


def test_no_module_is_longer_than_400_lines():
    long = {path.name: count for path in MODULES if (count := len(path.read_text("utf-8").splitlines())) > 400}
    assert long == {}


def test_98_of_100_function_bodies_fit_in_40_lines():
    lengths = {
        f"{path.name}:{node.name}": body_lines(node)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    long = {name: length for name, length in lengths.items() if length > 40}
    assert len(long) <= len(lengths) * 0.02, long


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_only_the_ends_of_the_client_and_of_the_sandbox_know_of_the_network():
    guilty = {
        str(path.relative_to(ROOT))
        for path in MODULES
        for node in run_time_nodes(ast.parse(path.read_text("utf-8")))
        if imported(node) & NETWORK
    }
    package = "connector/haloitsm_connector"
    client = {f"{package}/client/{name}.py" for name in ("form", "proxy", "tls", "transport", "uri", "wire")}
    assert guilty <= client | {f"{package}/sandbox/sending.py"}


def run_time_nodes(tree: ast.AST):
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield node
            yield from run_time_nodes(node)


def imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    return {node.module or ""} if isinstance(node, ast.ImportFrom) and node.level == 0 else set()


@pytest.mark.parametrize("package", ["haloitsm_connector", "haloitsm_transformers"])
def test_public_names_are_listed_sorted_and_documented(package):
    module = importlib.import_module(package)
    assert list(module.__all__) == sorted(module.__all__)
    for name in module.__all__:
        value = getattr(module, name)
        assert not callable(value) or value.__doc__, name


def test_the_transformers_folder_does_not_hide_another_package():
    assert not (ROOT / "transformers" / "__init__.py").exists()
    found = importlib.util.find_spec("transformers")
    assert found is None or found.origin


def test_every_public_name_of_the_connector_has_a_home():
    package = importlib.import_module("haloitsm_connector")
    assert sorted(package._MODULE_OF) == package.__all__
