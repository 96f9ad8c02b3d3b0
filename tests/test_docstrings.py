"""The examples in docstrings give what stands below them."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = [
    ".".join(("rfssm", *path.relative_to(ROOT).with_suffix("").parts))
    for package in ("model", "quant", "hls", "scripts")
    for path in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert not failed
    assert tried
