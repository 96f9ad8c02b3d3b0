"""README and documents: examples run, links and paths lead somewhere, what they name exists."""

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from random_networks import random_case
from typer.main import get_command

from rfssm.quant.recipes import load_recipe
from rfssm.scripts.cli import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
PAGES = ["README.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
FOLDERS = ("model", "quant", "hls", "rtl_tests", "scripts", "tests", "docs")
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
OPTION = r"(?<![\w-])--[a-z][a-z-]*"


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


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target, heading in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", (ROOT / page).read_text()):
        if not target.startswith("http"):
            file = (ROOT / page).parent / target if target else ROOT / page
            assert file.exists(), target
            assert not heading or heading in headings(file), f"{target}#{heading}"


def headings(file: Path) -> set[str]:
    """What a link to one is written as."""
    found = re.findall(r"^#+ (.*)", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_commands_are_those_of_the_command_line() -> None:
    shown = set(re.findall(r"^    rfssm ([\w-]+)", README, re.MULTILINE))
    assert shown == set(COMMANDS) - {"demo"}
    assert "make demo" in README


def test_the_map_names_every_folder() -> None:
    for folder in FOLDERS:
        assert f"| `{folder}/` |" in README


def options(command: str) -> set[str]:
    return {"--help"}.union(*(parameter.opts for parameter in COMMANDS[command].params))


@pytest.mark.parametrize("page", PAGES)
def test_options_are_those_of_the_command_line(page: str) -> None:
    text = (ROOT / page).read_text().replace("\\\n", " ")
    for command, rest in re.findall(r"(?:^ +|`)rfssm ([a-z-]+)([^`\n]*)", text, re.MULTILINE):
        assert command in COMMANDS, command
        assert set(re.findall(OPTION, rest)) <= options(command), f"rfssm {command}{rest}"
    every = set().union(*map(options, COMMANDS))
    assert set(re.findall(rf"`({OPTION})", text)) <= every


@pytest.mark.parametrize("page", PAGES)
def test_what_is_named_in_the_tree_exists(page: str) -> None:
    for quoted in re.findall(r"`([^`\n]+)`", (ROOT / page).read_text()):
        path, _, function = quoted.partition("::")
        if not re.fullmatch(r"[\w./*-]+", path) or re.search("NAME|DIR|BOARD|runs/", path):
            continue
        if path.split("/")[0] in FOLDERS:
            found = list(ROOT.glob(path))
        elif path.endswith((".py", ".sv", ".cpp")):
            found = [file for folder in FOLDERS for file in (ROOT / folder).rglob(path)]
        else:
            continue
        assert found, quoted
        assert not function or f"def {function}(" in found[0].read_text(), quoted


@pytest.mark.parametrize("page", PAGES)
def test_modules_and_functions_exist(page: str) -> None:
    names = set(re.findall(r"`(rfssm(?:\.\w+)+)", (ROOT / page).read_text()))
    for name in names:
        pkgutil.resolve_name(name)


@pytest.mark.parametrize("page", PAGES)
def test_python_examples_compile_and_import(page: str) -> None:
    for example in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
        for line in ast.parse(example).body:
            if isinstance(line, ast.ImportFrom):
                module = importlib.import_module(str(line.module))
                assert all(hasattr(module, each.name) for each in line.names), ast.unparse(line)


def test_every_make_target_is_named() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        text = (ROOT / page).read_text()
        named = re.findall(r"(?:`|^    )make ((?:[a-z]+\b ?)+)", text, re.MULTILINE)
        shown = {word for words in named for word in words.split()}
        assert shown <= targets, page
        if page == "README.md":
            assert targets - shown <= {"setup", "clean"}


@pytest.mark.parametrize("page", PAGES)
def test_recipes_and_their_fields_exist(page: str) -> None:
    text = (ROOT / page).read_text().replace("\\\n", " ")
    for name, rest in re.findall(r"(?:^ +|`)rfssm train ([a-z-]+)([^`\n#]*)", text, re.MULTILINE):
        fields = re.findall(r"--set ('[^']*'|\S+)", rest)
        load_recipe(name, [field.strip("'") for field in fields])
