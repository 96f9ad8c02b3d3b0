"""Every block of code in README and docs runs, and prints what stands below it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import documents
import pytest
from documents import DIRECTIVES, KINDS, PAGES, ROOT, SMALL, Block, blocks

from rfssm.quant import recipes
from rfssm.quant.recipe import Recipe
from rfssm.scripts import cli

load_recipe = recipes.load_recipe
MAX_LINE = 120
Printed = list[tuple[str, str]]


def run_blocks() -> list[str]:
    """The pages with something to run."""
    return [
        page
        for page in PAGES
        if any(b.kind in ("python", "console") and not b.skip for b in blocks(page))
    ]


class Stream(io.TextIOBase):
    """Adds what is written to a record of both streams."""

    def __init__(self, name: str, record: list[tuple[str, str]]) -> None:
        self.name, self.record = name, record

    def write(self, text: str) -> int:
        self.record.append((self.name, text))
        return len(text)


@contextlib.contextmanager
def recorded(printed: Printed) -> Iterator[None]:
    """What is printed, line by line, with the name of its stream."""
    pieces: list[tuple[str, str]] = []
    with (
        contextlib.redirect_stdout(Stream("out", pieces)),
        contextlib.redirect_stderr(Stream("err", pieces)),
    ):
        yield
    line, stream = "", "out"
    for stream, text in pieces:
        line += text
        *whole, line = line.split("\n")
        printed += [(stream, each) for each in whole]
    if line:
        printed.append((stream, line))


def small(name: str, overrides: list[str] | tuple[str, ...] = ()) -> Recipe:
    """A recipe as the documents' blocks get it."""
    return load_recipe(name, [*overrides, *(SMALL if name == "digits" else ())])


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Printed]:
    """The one run that all blocks share, and what its training printed."""
    folder = tmp_path_factory.mktemp("documents") / "run"
    printed: Printed = []
    sets = [word for each in SMALL for word in ("--set", each)]
    with recorded(printed):
        assert cli.run(["train", "digits", *sets, "--out", str(folder)]) == 0
    return folder, [(stream, line.replace(str(folder), "RUN")) for stream, line in printed]


class Page:
    """Runs the blocks of one page, in the folder that it is in."""

    def __init__(self, trained: tuple[Path, Printed]) -> None:
        self.trained = trained
        self.names: dict[str, object] = {"__name__": "__main__"}
        self.printed: Printed = []

    def run(self, block: Block) -> None:
        """Run one block, or compare one with what was printed."""
        if block.kind == "python":
            self.printed = []
            with recorded(self.printed):
                exec(compile(block.body, str(block), "exec"), self.names)
        elif block.kind == "console":
            for command, shown in documents.commands(block):
                printed: Printed = []
                with recorded(printed):
                    status = self.command(documents.words(command))
                assert status == 0, f"{block}: {command}: status {status}\n{printed}"
                if shown:
                    wrong = documents.differs(shown, printed, exact=block.exact)
                    assert not wrong, f"{block}: {command}\n{wrong}"
        elif block.output:
            wrong = documents.differs(block.body.splitlines(), self.printed, exact=block.exact)
            assert not wrong, f"{block}\n{wrong}"

    def command(self, words: list[str]) -> int:
        """Run a command; one of ours in this process."""
        if words == ["make", "demo"]:
            (words,) = (
                line.split()[1:]
                for line in (ROOT / "Makefile").read_text().splitlines()
                if line.startswith("\t$(BIN)/rfssm demo")
            )
            words = ["rfssm", *words]
        if words[:3] == ["rfssm", "train", "digits"]:
            documents.check_command(" ".join(f"'{word}'" for word in words))
            return self.copy(words[words.index("--out") + 1])
        if words[0] == "rfssm":
            return cli.run(words[1:])
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        sys.stdout.write(done.stdout)
        sys.stderr.write(done.stderr)
        return done.returncode

    def copy(self, out: str) -> int:
        """The run that all blocks share, as if it had been trained here."""
        folder, printed = self.trained
        shutil.copytree(folder, out, dirs_exist_ok=True)
        for stream, line in printed:
            print(line.replace("RUN", out), file=sys.stderr if stream == "err" else sys.stdout)
        return 0


@pytest.mark.hls
@pytest.mark.rtl
@pytest.mark.filterwarnings("ignore::rfssm.quant.qat.ScaleFloorWarning")
@pytest.mark.parametrize("page", run_blocks())
def test_blocks_run(
    page: str, trained: tuple[Path, Printed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shutil.which("iverilog") and not os.environ.get("CI"):
        pytest.skip("no iverilog")
    monkeypatch.setattr(recipes, "load_recipe", small)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    shutil.copytree(trained[0], "runs/demo")
    for name, here in (("network.safetensors", "network.safetensors"), ("test.npz", "x.npz")):
        shutil.copy(trained[0] / name, here)
    runner = Page(trained)
    for block in blocks(page):
        if not block.skip:
            runner.run(block)


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_of_a_known_kind(page: str) -> None:
    text = (ROOT / page).read_text()
    assert len(re.findall(r"^\s*```", text, re.MULTILINE)) == 2 * len(blocks(page))
    fenced = False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        if not fenced:
            assert not re.match(r" +(rfssm|make|pip|python) ", line), f"{page}: no fence: {line}"
    for block in blocks(page):
        assert block.kind in KINDS | DIRECTIVES, block
        if block.skip is not None:
            assert block.kind in ("python", "console"), block
            assert len(block.skip.split()) > 1, f"{block}: say why"


@pytest.mark.parametrize("page", PAGES)
def test_blocks_that_are_not_run_parse(page: str) -> None:
    for block in blocks(page):
        if block.kind == "python":
            documents.check_python(block)
        elif block.kind == "console":
            for command, _ in documents.commands(block):
                documents.check_command(command)


def test_what_is_shown_is_compared() -> None:
    printed = [("err", "begins"), ("out", "a  12.5 s"), ("out", "b 3"), ("out", "c")]
    assert documents.differs(["a 1 s", "b 4", "c"], printed, exact=False) is None
    assert documents.differs(["begins", "...", "c"], printed, exact=False) is None
    assert documents.differs(["begins", "..."], printed, exact=False) is None
    assert documents.differs(["a 1 s", "c"], printed, exact=False)
    assert documents.differs(["a 1 s", "b 4"], printed, exact=False)
    assert documents.differs(["a 1 s", "b 4", "c", "d"], printed, exact=False)
    assert documents.differs(["a  12.5 s", "b 4", "c"], printed, exact=True)


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md"])
def test_lines_are_short(page: str) -> None:
    for number, line in enumerate((ROOT / page).read_text().splitlines(), 1):
        assert len(line) <= MAX_LINE or line.startswith("|"), f"{page}:{number}"
