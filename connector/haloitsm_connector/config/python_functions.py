"""Python functions of a configuration, which ``python`` steps call: those of modules below one folder, and no others.

A check reads the modules; nothing in them runs before a chain is opened.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

from haloitsm_connector.config.beside import path_below
from haloitsm_transformers import TransformError


class PythonFunctions:
    """The functions below ``python_folder`` in the folder of a configuration; without it, none may be called."""

    def __init__(self, folder: Path, python_folder: str | None) -> None:
        self._folder = folder
        self._python_folder = python_folder

    def written(self, name: str) -> bool:
        """Tell from its source that a module defines ``module.function``; TransformError says why not."""
        module, function = self._parted(name)
        path = self._file(module)
        try:
            tree = ast.parse(path.read_bytes(), str(path))
        except OSError as error:
            raise TransformError(f"the module '{module}' cannot be read: {error.strerror}, {path}") from None
        except (SyntaxError, ValueError) as error:
            raise TransformError(f"the module '{module}' is no Python: {error}") from None
        if function not in _names(tree):
            raise TransformError(f"the module '{module}' defines no '{function}'")
        return True

    def load(self, name: str) -> Callable[..., Any]:
        """Import ``module.function``; TransformError says why that cannot be."""
        self.written(name)
        module, function = self._parted(name)
        try:
            loaded = getattr(importlib.import_module(f"{self._package()}.{module}"), function)
        except Exception as error:
            what = f"the module '{module}' cannot be imported: {type(error).__name__}: {error}"
            raise TransformError(what) from error
        if not callable(loaded):
            raise TransformError(f"'{name}' is no function")
        called: Callable[..., Any] = loaded
        return called

    def _package(self) -> str:
        """Return the package whose modules are those below the folder; they can import each other with a dot."""
        folder = path_below(self._folder, self._python_folder or "")
        name = f"haloitsm_steps_{crc32(str(folder).encode()):08x}"
        if name not in sys.modules:
            package = ModuleType(name, f"The Python modules in {folder}.")
            package.__path__ = [str(folder)]
            sys.modules[name] = package
        return name

    def _parted(self, name: str) -> tuple[str, str]:
        if self._python_folder is None:
            raise TransformError("the configuration allows no Python functions; it would say 'python: {folder: steps}'")
        module, _, function = name.rpartition(".")
        if not module or not all(part.isidentifier() for part in name.split(".")):
            raise TransformError(f"'{name}' names no function: write module.function")
        return module, function

    def _file(self, module: str) -> Path:
        path = f"{self._python_folder}/{module.replace('.', '/')}"
        package = path_below(self._folder, f"{path}/__init__.py")
        return package if package.is_file() else path_below(self._folder, f"{path}.py")


def _names(tree: ast.Module) -> Iterator[str]:
    """Yield what a module defines at its top level, or takes from a module beside it. Other imports are its own."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
