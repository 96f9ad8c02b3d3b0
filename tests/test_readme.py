"""README and documents: links and paths lead somewhere, what they name exists."""

import pkgutil
import re
from pathlib import Path

import pytest
from documents import COMMANDS, PAGES, ROOT

from rfssm.quant.recipes import load_recipe

README = (ROOT / "README.md").read_text()
FOLDERS = ("base", "model", "quant", "hls", "rtl_tests", "scripts", "tests", "docs", "examples")
OPTION = r"(?<![\w-])--[a-z][a-z-]*"


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
    shown = set(re.findall(r"^\$ rfssm ([\w-]+)", README, re.MULTILINE))
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
    for command, rest in re.findall(r"(?:^\$ |`)rfssm ([a-z][a-z-]*)([^`\n]*)", text, re.MULTILINE):
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


def test_every_make_target_is_named() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        text = (ROOT / page).read_text()
        named = re.findall(r"(?:`|^\$ )make ((?:[a-z]+\b\s?)+)", text, re.MULTILINE)
        shown = {word for words in named for word in words.split()}
        assert shown <= targets, page
        if page == "README.md":
            assert targets - shown <= {"setup", "clean"}


@pytest.mark.parametrize("page", PAGES)
def test_recipes_and_their_fields_exist(page: str) -> None:
    text = (ROOT / page).read_text().replace("\\\n", " ")
    for name, rest in re.findall(r"(?:^\$ |`)rfssm train ([a-z-]+)([^`\n#]*)", text, re.MULTILINE):
        fields = re.findall(r"--set ('[^']*'|\S+)", rest)
        load_recipe(name, [field.strip("'") for field in fields])
