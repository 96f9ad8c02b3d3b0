"""The README: its example runs, its links lead somewhere, its commands exist."""

import re
from pathlib import Path

import pytest
from random_networks import random_case
from typer.main import get_command

from rfssm.scripts.cli import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = random_case(3)
    folder = tmp_path / "runs" / "demo"
    folder.mkdir(parents=True)
    case.network().save(folder / "network.safetensors")
    case.samples().save(folder / "test.npz")
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)
    assert {"golden", "rtl"} <= names.keys()


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        if not target.startswith("http"):
            assert ((ROOT / page).parent / target).exists(), target


def test_the_commands_are_those_of_the_command_line() -> None:
    shown = set(re.findall(r"^    rfssm ([\w-]+)", README, re.MULTILINE))
    exist = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert shown == exist - {"demo"}
    assert "make demo" in README


def test_the_map_names_every_folder() -> None:
    for folder in ("model", "quant", "hls", "rtl_tests", "scripts", "tests", "docs"):
        assert f"| `{folder}/` |" in README
