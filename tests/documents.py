"""Read the blocks of README and docs, and compare their output with what is printed.

A fence states the kind of a block:

    python                Python, run in order, all blocks of a page in one namespace and one folder
    console               lines after "$ " are commands; the other lines are their output
    text output           output of the Python block before it
    text, yaml, json      shown, not run

``skip="reason"`` behind the kind of a block states why it is not run: its commands must still
parse, and its modules and names must exist.

Numbers, rules of tables, runs of spaces, and whether a width is proved depend on the processor and
on the machine's load: they are masked on both sides before the comparison, unless the fence has
``exact``.  A line "..." stands for any number of lines.  Output to stderr need not be shown.

To keep the suite fast, one small network is trained once for all trainings of recipe ``digits``.
"""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from typer.main import get_command

from rfssm.quant.recipes import load_recipe
from rfssm.scripts.cli import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", *sorted(
    str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")
)]  # fmt: skip
PAGES = [page for page in PAGES if (ROOT / page).exists()]
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
KINDS = {"python", "console", "text", "yaml", "json"}
DIRECTIVES = {"{toctree}", "{eval-rst}", "{commands}"}
SMALL = ["network.neurons=[8,8]", "training.epochs=1", "training.batch=256", "seed=0"]

_FENCE = re.compile(r"^```(\S*)(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)
_SKIP = re.compile(r'skip="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: str
    line: int
    kind: str
    options: str
    body: str

    @property
    def skip(self) -> str | None:
        """The reason why the block is not run, if it is not."""
        found = _SKIP.search(self.options)
        return found[1] if found else None

    @property
    def output(self) -> bool:
        """Whether the block shows the output of the Python block before it."""
        return "output" in self.options.split()

    @property
    def exact(self) -> bool:
        return "exact" in self.options.split()

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    text = (ROOT / page).read_text()
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, *found.groups())
        for found in _FENCE.finditer(text)
    ]


def commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands of a console block, each with the output that the block shows."""
    command, printed = None, []
    lines = iter(block.body.splitlines())
    for line in lines:
        if not line.startswith("$ "):
            printed.append(line)
            continue
        if command is not None:
            yield command, printed
        command, printed = line[2:], []
        while command.endswith("\\"):
            command = command[:-1] + next(lines).strip()
    assert command is not None, f"{block}: no command"
    yield command, printed


def words(command: str) -> list[str]:
    """Return the words of a command, without its comment."""
    return shlex.split(command, comments=True)


def masked(line: str) -> str:
    """Return a line with the parts masked that depend on the machine."""
    line = re.sub(
        r"proved, never saturates( within steps_max)?|not proved, may saturate", "P", line
    )
    line = re.sub(r"\d[\d,]*(\.\d+)?", "#", line)
    return re.sub(r"\s+", " ", re.sub(r"([━─])\1*", r"\1", line)).strip()


def differs(shown: list[str], printed: list[tuple[str, str]], *, exact: bool) -> str | None:
    """Return the first line that is shown but was not printed, or the reverse; else None.

    printed    each line with the stream that it went to, out or err
    """
    clean = str.rstrip if exact else masked
    rest = [(stream, clean(line)) for stream, line in printed if line.strip()]
    anything = False
    for line in shown:
        if line.strip() == "...":
            anything = True
        elif line.strip():
            wanted = clean(line)
            while rest and rest[0][1] != wanted and (anything or rest[0][0] == "err"):
                rest.pop(0)
            if not rest or rest[0][1] != wanted:
                return f"shown:   {wanted}\nprinted: {rest[0][1] if rest else 'nothing more'}"
            rest.pop(0)
            anything = False
    left = [line for stream, line in rest if stream == "out"]
    return f"not shown: {left[0]}" if left and not anything else None


def check_python(block: Block) -> None:
    """Assert that a block compiles and that everything it imports exists."""
    for node in ast.walk(ast.parse(block.body)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            for each in node.names:
                assert hasattr(module, each.name), f"{block}: {ast.unparse(node)}"
        elif isinstance(node, ast.Import):
            for each in node.names:
                importlib.import_module(each.name)


def check_command(command: str) -> None:
    """Assert that the command line's own parser accepts a command with its recipe and fields."""
    found = words(command)
    if found[:1] == ["make"] and "-C" not in found:
        targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        assert {word for word in found[1:] if "=" not in word} <= targets, command
    if found[:1] != ["rfssm"] or found[1].startswith("-"):
        return
    assert found[1] in COMMANDS, command
    context = COMMANDS[found[1]].make_context(f"rfssm {found[1]}", found[2:])
    if found[1] == "train":
        load_recipe(context.params["recipe"], context.params["overrides"] or [])
