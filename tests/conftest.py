"""Provide fixtures for tests that need files from outside the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores: waiting threads of one worker take time from the others.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Return the data folder: $RFSSM_DATA, or ``shared/data`` next to the project."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("RFSSM_DATA", beside))
    if not root.is_dir():
        pytest.skip(f"no data folder at {root}: set RFSSM_DATA")
    return root


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Keep bytes out of the names of tests: some contain the time or the output of a library."""
    return argname if isinstance(val, bytes) else None
