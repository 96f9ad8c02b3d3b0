"""The tree and the wheel: imports point one way, and nothing that the code needs is left out."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("model", "quant", "hls", "scripts")  # each may import itself and those before it


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package):
    allowed = {f"rfssm.{name}" for name in PACKAGES[: PACKAGES.index(package) + 1]}
    checked = 0
    for path in sources(package):
        for name in imported(path):
            if name.startswith("rfssm"):
                assert ".".join(name.split(".")[:2]) in allowed, f"{path} imports {name}"
                checked += 1
    assert checked or package == "model"


def test_only_qat_imports_brevitas():
    users = {p.name for name in PACKAGES for p in sources(name) if "brevitas" in p.read_text()}
    assert users <= {"qat.py"}


def test_golden_model_uses_integers_only():
    assert imported(ROOT / "quant" / "golden.py").isdisjoint({"torch", "math", "scipy"})
    assert "float" not in (ROOT / "quant" / "golden.py").read_text()


@pytest.mark.slow
def test_wheel_holds_every_tracked_file(tmp_path):
    # an isolated build would need the package registry; the environment's own setuptools will do
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        inside = set(wheel.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert len(tracked) > 20
    missing = {f"rfssm/{name}" for name in tracked} - inside
    assert not missing
    assert "rfssm/__init__.py" not in inside
