"""The examples in docstrings give what stands below them."""

import doctest
import importlib

import pytest
from test_imports import modules

FRONT = "rfssm.front"  # its examples need files: tests/test_front.py runs them
MODULES = sorted(
    name for name, path in modules().items() if ">>> " in path.read_text() and name != FRONT
)


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert not failed
    assert tried
