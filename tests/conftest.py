"""Fixtures for tests that need files from outside the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores: threads of one that wait for each other take the time of another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The data folder: $RFSSM_DATA, or ``shared/data`` next to the project."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("RFSSM_DATA", beside))
    if not root.is_dir():
        pytest.skip(f"no data folder at {root}: set RFSSM_DATA")
    return root


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """The name of a test does not quote bytes: some hold the time, or what a library made."""
    return argname if isinstance(val, bytes) else None
