"""Files that tools outside the project read: they load, and agree with pyproject.toml."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def read(name: str) -> dict[str, object]:
    loaded = yaml.safe_load((ROOT / name).read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_the_citation_is_of_this_version() -> None:
    citation = read("CITATION.cff")
    assert citation["version"] == PROJECT["project"]["version"]
    assert citation["license"] == PROJECT["project"]["license"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()


def test_hooks_run_the_projects_ruff() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    read(".pre-commit-config.yaml")
    wanted = next(d for d in PROJECT["project"]["optional-dependencies"]["dev"] if "ruff" in d)
    assert set(re.findall(r'"(ruff==[^"]+)"', text)) == {wanted}


def test_the_workflow_runs_what_ci_runs() -> None:
    jobs = read(".github/workflows/ci.yml")["jobs"]
    assert isinstance(jobs, dict)
    steps = [step.get("run") for step in jobs["suite"]["steps"]]
    assert steps[-1] == ".ci/run"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


@pytest.mark.parametrize("name", ["road", "pipeline"])
def test_the_drawings_are_what_their_scripts_draw(name: str, tmp_path: Path) -> None:
    figures = ROOT / "docs" / "figures"
    for script in ("drawing.py", f"{name}.py"):
        (tmp_path / script).write_text((figures / script).read_text())
    subprocess.run([sys.executable, tmp_path / f"{name}.py"], check=True)
    assert (tmp_path / f"{name}.svg").read_text() == (figures / f"{name}.svg").read_text()


def test_the_pipelines_stages_are_those_of_the_rtl() -> None:
    cells, cell = (
        (ROOT / "hls" / "rtl" / f"rfssm_{name}.sv").read_text() for name in ("cells", "cell")
    )
    drawing = (ROOT / "docs" / "figures" / "pipeline.py").read_text()
    named = {"5": "sum_q5", "6": "q_q6", "7": "r_q7", "8": "next_q8"}
    for stage, what in {"5": "sum", "6": "round", "7": "add", "8": "saturate"}.items():
        assert f'("{stage}", "{what}",' in drawing
        assert re.search(rf"\b{named[stage]}\b", cell)
    assert "Latency: 9 cycles from issue to m_valid." in cells
