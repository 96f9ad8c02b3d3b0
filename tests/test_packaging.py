"""The wheel: nothing that the code needs is left out."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from test_imports import FOLDERS, ROOT


@pytest.mark.slow
def test_wheel_holds_every_tracked_file(tmp_path: Path) -> None:
    # an isolated build would need the package registry; the environment's own setuptools will do
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(
        ["git", "ls-files", *FOLDERS], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert len(tracked) > 20
    assert inside == {f"rfssm/{name.removeprefix('base/')}" for name in tracked}
