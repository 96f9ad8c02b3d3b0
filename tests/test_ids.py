"""The names of the tests: two processes that collect, at any time and on any machine, agree.

pytest-xdist starts nothing where two workers have collected different names.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from rfssm.hls.engines import BY_DEFAULT
from rfssm.hls.engines.netlist import CELLS

ROOT = Path(__file__).resolve().parents[1]

ANOTHER_MACHINE = """
import os, random, sys, time

clock, clock_ns, listdir, scandir = time.time, time.time_ns, os.listdir, os.scandir
time.time = lambda: clock() + 1e6 + 0.5
time.time_ns = lambda: clock_ns() + 10**15 + 5 * 10**8

class Backwards:
    def __init__(self, *arguments):
        with scandir(*arguments) as entries:
            self._entries = iter(sorted(entries, key=lambda entry: entry.name, reverse=True))
    __iter__ = lambda self: self._entries
    __next__ = lambda self: next(self._entries)
    __enter__ = lambda self: self
    __exit__ = lambda self, *_: None
    close = lambda self: None

os.listdir = lambda *arguments: sorted(listdir(*arguments), reverse=True)
os.scandir = Backwards
os.cpu_count = lambda: 61
random.seed(61)
"""
COLLECT = """
import sys, pytest

class Names:
    def pytest_collection_finish(self, session):
        sys.stderr.write("".join(ascii(item.nodeid) + "\\n" for item in session.items))

sys.exit(pytest.main(["--collect-only", "-qq", "--assert=plain", "-Wignore",
                      "-p", "no:cacheprovider",
                      *sys.argv[1:]], [Names()]))
"""


def collected(
    environment: Mapping[str, str], preparation: str = "", asked: Sequence[str] = ()
) -> list[str]:
    """The names that a new process finds."""
    done = subprocess.run(
        [sys.executable, "-c", preparation + COLLECT, *asked], cwd=ROOT, env=environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stderr.splitlines()


def test_the_names_of_tests_are_the_same_elsewhere(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Another clock, hash, folder, order of files; no tool, no data, another number of cores."""
    away = {
        "PATH": os.defpath, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONHASHSEED": "61",
        "RFSSM_DATA": str(tmp_path / "none"), "RFSSM_CACHE": str(tmp_path / "cache"), "LANG": "C",
    }  # fmt: skip
    elsewhere = collected(away, ANOTHER_MACHINE)
    here = [ascii(item.nodeid) for item in request.session.items]
    if here != elsewhere:  # only some of the tests were asked for, or these differ
        here = collected(os.environ)
    assert len(here) > 1000
    assert here == elsewhere


def test_the_quick_tests_exist_and_reach_every_engine(request: pytest.FixtureRequest) -> None:
    """`make quick`: formats, samples, golden model, QAT, one network in each engine, commands."""
    wanted = (ROOT / "tests" / "quick.txt").read_text().splitlines()
    names = [item.nodeid for item in request.session.items]
    known = {name.partition(mark)[0] for name in names for mark in ("::", "[", "\0")} | set(names)
    if not known >= set(wanted):  # only some of the tests were asked for, or these are not there
        assert collected(os.environ, asked=["@tests/quick.txt"])
    text = "\n".join(wanted)
    for engine in BY_DEFAULT:
        assert f"{engine}.py" in text
    for cells in CELLS:
        assert f"-{cells}]" in text
    for part in (
        "test_qat.py",
        "test_network_refusals.py",
        "test_samples_refusals.py",
        "test_cli.py",
    ):
        assert part in text
