"""Every example runs, and says that what it compares is equal."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ENDS = {
    "digits.py": "us per image",
    "own_loop.py": "HLS C++ equal: True",
    "waveform.py": "MB",
    "board.py": "equal to the golden model",
}

pytestmark = [pytest.mark.hls, pytest.mark.rtl]


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(ENDS)


def run(*command: object, folder: Path) -> str:
    if not shutil.which("iverilog") and not os.environ.get("CI"):
        pytest.skip("no iverilog")
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ENDS)
def test_examples_run(name: str, tmp_path: Path) -> None:
    assert run(EXAMPLES / name, folder=tmp_path).rstrip().endswith(ENDS[name])


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_run(path: Path, tmp_path: Path) -> None:
    done = tmp_path / "done.ipynb"
    client = "import sys, nbformat, nbclient as c; n = nbformat.read(sys.argv[1], 4);"
    client += " c.NotebookClient(n, timeout=600).execute(); nbformat.write(n, sys.argv[2])"
    run("-c", client, path, done, folder=tmp_path)
    assert "scores equal in torch, HLS C++ and RTL" in done.read_text()
