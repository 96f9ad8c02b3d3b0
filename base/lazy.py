"""Import the public names of a package on their first use."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def lazy(package: str) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a package, so that importing the package takes no time.

    The imports below ``if TYPE_CHECKING`` in the package's ``__init__.py`` state the module of each
    public name, for type checkers as for this function.
    """

    def find(name: str) -> Any:
        module = _modules(package).get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(module), name)

    return find


@cache
def _modules(package: str) -> dict[str, str]:
    """Return the module of each public name of a package."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return {
        alias.name: imported.module or ""
        for statement in ast.parse(Path(spec.origin).read_text()).body
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
        for imported in statement.body
        if isinstance(imported, ast.ImportFrom)
        for alias in imported.names
    }
