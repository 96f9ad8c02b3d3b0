"""Run the test suite on mutants: in a copy of the project, one mutant at a time, with a memory.

A mutant is killed when a test fails, or takes more processor time than any healthy one.  Each
verdict is a line of ``results``; what stands there is not run again, but for survivors whose tests
have changed since.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("base", "model", "quant", "hls", "scripts")
TESTS = ("tests", "rtl_tests")
READ = ("docs",)
"""By tests."""
QUICK = 4
"""So many tests, those that have killed most mutants of a file so far, are asked first."""
CPU_SECONDS = 20
"""Of one process, where nothing else is said; the longest healthy one takes about 5."""
KEPT = ("csim-headers", "kernel", "verilated", "verilated-headers")
"""Of a copy's cache: precompiled, found by their own text and by nothing of ours."""

Outcome = Literal["killed", "survived", "invalid"]
Groups = Sequence[Sequence[str]]
"""Arguments of pytest for one run after the other, the likeliest killer first."""


@dataclass(frozen=True)
class Mutant:
    """One changed file.

    file        within the project
    operator    what was done
    line        where, the first is 1
    was         the line as it is
    becomes     as it is in the mutant
    text        the whole file
    """

    file: str
    operator: str
    line: int
    was: str
    becomes: str
    text: str

    @classmethod
    def of(cls, file: str, operator: str, before: str, text: str) -> Mutant:
        """From the whole texts."""
        old, new = before.splitlines(), text.splitlines()
        first = next(i for i, line in enumerate(old) if i >= len(new) or line != new[i])
        kept = 0
        while kept < min(len(old), len(new)) - first and old[-1 - kept] == new[-1 - kept]:
            kept += 1
        was, becomes = (
            " ".join(line.strip() for line in lines[first : len(lines) - kept])
            for lines in (old, new)
        )
        return cls(file, operator, first + 1, was, becomes, text)

    @property
    def digest(self) -> str:
        """Of everything that makes it this mutant."""
        return hashlib.sha256(f"{self.file}\0{self.text}".encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """For people: module, line and operator."""
        return f"{Path(self.file).stem}:{self.line}:{self.operator}"


def share(everything: Mapping[str, Sequence[Mutant]], count: int, fewest: int = 1) -> list[Mutant]:
    """About ``count`` of all mutants, from each file by the number that it has, or ``fewest``.

    The order within a file is that of a hash of the change: a change elsewhere moves none.
    """
    total = sum(map(len, everything.values()))
    picked = []
    for mutants in everything.values():
        wanted = max(fewest, round(count * len(mutants) / total))
        picked += sorted(sorted(mutants, key=_rank)[:wanted], key=lambda mutant: mutant.line)
    return picked


def _rank(mutant: Mutant | Verdict) -> bytes:
    """Of the change alone, wherever it stands in whatever text of the file."""
    parts = (mutant.file, mutant.operator, mutant.was, mutant.becomes)
    return hashlib.sha256("\0".join(parts).encode()).digest()


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant.

    by         the test that failed
    said       what it said
    seconds    of processor time
    tests      digest of the tests that a survivor has survived
    """

    digest: str
    file: str
    line: int
    operator: str
    was: str
    becomes: str
    outcome: Outcome
    by: str
    said: str
    seconds: float
    tests: str


class Tree:
    """A copy of the project in a folder, whose files may be changed.

    libraries    that its tests need, imported once; none may import what is changed
    seconds      of processor time for one process
    """

    def __init__(
        self, folder: Path, libraries: Sequence[str] = (), seconds: int = CPU_SECONDS
    ) -> None:
        self.folder = folder
        self.seconds = seconds
        shutil.rmtree(folder, ignore_errors=True)
        for name in (*PACKAGES, *TESTS, *READ):
            shutil.copytree(ROOT / name, folder / name)
        shutil.copy2(ROOT / "pyproject.toml", folder)
        package = folder / "site" / "rfssm"
        package.mkdir(parents=True)
        for path in [*(folder / "base").iterdir(), *(folder / name for name in PACKAGES[1:])]:
            (package / path.name).symlink_to(path)
        found = self._python("-c", "import rfssm.hls as hls; print(*hls.__path__)").strip()
        if Path(found).resolve() != (folder / "hls").resolve():
            raise RuntimeError(f"the tests would import {found}, not the copy in {folder}")
        self._worker = subprocess.Popen(
            [sys.executable, "-m", "tests.mutation.worker", *libraries],
            cwd=folder, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        """Of the tests: the copy's packages, caches of its own, nothing skipped."""
        return {
            **os.environ,
            "PYTHONPATH": str(self.folder / "site"),
            "PYTHONDONTWRITEBYTECODE": "1",  # of a mutant as old as the original
            "RFSSM_CACHE": str(self.folder / "cache"),
            "COCOTB_MAX_FAILURES": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # they take longer to start than most tests
            "CI": "1",
            "TMPDIR": str(self.folder / "tmp"),
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }

    def _python(self, *arguments: str) -> str:
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, check=True, text=True, timeout=100,
            stdout=subprocess.PIPE,
        ).stdout  # fmt: skip

    @contextmanager
    def changed(self, file: str, text: str) -> Iterator[None]:
        """With another text of one file."""
        path = self.folder / file
        original = path.read_bytes()
        for stale in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            stale.unlink()
        try:
            path.write_text(text)
            yield
        finally:
            path.write_bytes(original)
            for kind in (self.folder / "cache").glob("*"):
                if kind.name not in KEPT:
                    shutil.rmtree(kind, ignore_errors=True)

    def test(self, tests: Sequence[str]) -> tuple[int, str, float]:
        """Run tests up to the first that fails: pytest's status, what it printed, CPU seconds."""
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        log = self.folder / "pytest.log"
        arguments = ["-x", "-q", "-rfE", "--tb=short", "-p", "no:cacheprovider"]
        arguments += [f"--basetemp={temporary / 'pytest'}", *tests]
        request = {"arguments": arguments, "log": str(log), "seconds": self.seconds}
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        self._worker.stdin.write(json.dumps(request) + "\n")
        self._worker.stdin.flush()
        status, seconds = json.loads(self._worker.stdout.readline())
        shutil.rmtree(temporary, ignore_errors=True)
        return status, log.read_text(errors="replace"), seconds

    def close(self) -> None:
        """End what runs here."""
        self._worker.kill()
        self._worker.communicate()


# -- verdicts --------------------------------------------------------------------------------------


_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+(?:\[.*?\])?)(?: - (.*))?$", re.MULTILINE)
_NO_BUILD = {
    ".sv": re.compile(r"does not build|iverilog"),
    ".h": re.compile(r"\+\+\S* failed with status"),
}
"""What is said where a mutant does not compile; of a program that writes code this is a death."""


def judge(
    tree: Tree,
    mutant: Mutant,
    tests: Groups,
    is_valid: Callable[[Tree, Mutant], bool],
    check_health: Callable[[Tree, str], None],
    first: Groups = (),
) -> Verdict:
    """Run a mutant's tests, group by group; before them ``first``, tests from among them."""
    total = 0.0
    with tree.changed(mutant.file, mutant.text):
        if not is_valid(tree, mutant):
            return _verdict(mutant, "invalid")
        for group in (*first, *tests):
            status, printed, seconds = tree.test(group)
            total += seconds
            if group in first and status == pytest.ExitCode.USAGE_ERROR:
                continue  # a test of that name is no more
            if status:
                break
        else:
            digest = digest_of_tests(tests, tree.folder)
            return _verdict(mutant, "survived", seconds=total, tests=digest)
    if status in (-signal.SIGXCPU, -signal.SIGALRM):
        return _verdict(mutant, "killed", "time", seconds=total)
    failed = _FAILED.search(printed)
    if failed is None:
        raise RuntimeError(f"{mutant.name}: pytest ended with {status}\n{printed[-3000:]}")
    by, said = failed[1], (failed[2] or "")[:200]
    no_build = _NO_BUILD.get(Path(mutant.file).suffix)
    if no_build and no_build.search(printed if mutant.file.endswith(".h") else said):
        return _verdict(mutant, "invalid", by, said, total)
    check_health(tree, by)
    return _verdict(mutant, "killed", by, said, total)


def _verdict(
    mutant: Mutant,
    outcome: Outcome,
    by: str = "",
    said: str = "",
    seconds: float = 0,
    tests: str = "",
) -> Verdict:
    return Verdict(
        mutant.digest, mutant.file, mutant.line, mutant.operator, mutant.was, mutant.becomes,
        outcome, by, said, round(seconds, 2), tests,
    )  # fmt: skip


def digest_of_tests(groups: Groups, root: Path = ROOT) -> str:
    """Of these tests and of what all tests share."""
    shared = [path for folder in TESTS for path in sorted((root / folder).glob("*.py"))]
    named = [root / argument.split("::")[0] for group in groups for argument in group]
    return _digest([*shared, *(path for path in named if path.exists())], repr(groups))


def _digest(paths: Iterable[Path], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for top in paths:
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.suffix in (".py", ".sv", ".cpp", ".h"):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def read(results: Path) -> dict[str, Verdict]:
    """The last verdict on each mutant, by its digest; a line that was cut off is none."""
    verdicts = {}
    if results.exists():
        for line in results.read_text().splitlines():
            try:
                verdict = Verdict(**json.loads(line))
            except ValueError:
                continue
            verdicts[verdict.digest] = verdict
    return verdicts


class Health:
    """Tests that fail without a mutant too would kill them all: each killer must pass once.

    known    a file that remembers which did
    """

    def __init__(self, known: Path) -> None:
        self._known = known
        self._lock = threading.Lock()

    def check(self, tree: Tree, test: str) -> None:
        """Raises RuntimeError where it does not."""
        packages = [tree.folder / package for package in PACKAGES]
        line = _digest(packages, digest_of_tests([[test]], tree.folder))
        with self._lock:
            if self._known.exists() and line in self._known.read_text().split():
                return
            whole_file = [] if "::" in test else ["--collect-only"]  # it could not be imported
            status, printed, _ = tree.test([test, *whole_file])
            if status:
                raise RuntimeError(f"{test} fails without a mutant\n{printed[-3000:]}")
            with self._known.open("a") as stream:
                stream.write(f"{line}\n")


def run(
    mutants: Sequence[Mutant],
    tests_of: Callable[[Mutant], Groups],
    is_valid: Callable[[Tree, Mutant], bool],
    folder: Path,
    *,
    jobs: int,
    progress: Callable[[Iterable[Any], int, int], Iterable[Any]],
    libraries: Sequence[str] = (),
    seconds: int = CPU_SECONDS,
) -> list[Verdict]:
    """Verdicts on all mutants, in their order.

    tests_of    what each has to get past
    is_valid    whether a mutant counts, in the tree that holds it
    folder      of the copies and of ``results.jsonl``

    Where a file has changed since, its mutants are other ones, and run again: the test that has
    killed the same change before is asked first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / "results.jsonl"
    known = read(results)
    waiting = [
        mutant
        for mutant in mutants
        if (verdict := known.get(mutant.digest)) is None
        or (verdict.outcome == "survived" and verdict.tests != digest_of_tests(tests_of(mutant)))
    ]
    if waiting:
        copies = [Tree(folder / f"tree{k}", libraries, seconds) for k in range(jobs)]
        trees: queue.Queue[Tree] = queue.Queue()
        for tree in copies:
            trees.put(tree)
        health = Health(folder / "healthy.txt")
        killers: dict[str, Counter[str]] = defaultdict(Counter)
        before: dict[bytes, str] = {}
        for verdict in known.values():
            if verdict.outcome == "killed" and "::" in verdict.by:
                killers[verdict.file][verdict.by] += 1
                before[_rank(verdict)] = verdict.by

        def judged(mutant: Mutant) -> Verdict:
            tree = trees.get()
            try:
                practised = [test for test, _ in killers[mutant.file].most_common(QUICK)]
                once = before.get(_rank(mutant))
                first = [group for group in ([once] if once else [], practised) if group]
                tests = tests_of(mutant)
                verdict = judge(tree, mutant, tests, is_valid, health.check, first=first)
            finally:
                trees.put(tree)
            if verdict.outcome == "killed" and "::" in verdict.by:
                killers[mutant.file][verdict.by] += 1
            return verdict

        with results.open("a") as stream, ThreadPoolExecutor(jobs) as pool:
            pending = [pool.submit(judged, mutant) for mutant in waiting]
            try:
                done = len(mutants) - len(waiting)
                for future in progress(as_completed(pending), done, len(mutants)):
                    verdict = future.result()
                    known[verdict.digest] = verdict
                    stream.write(json.dumps(asdict(verdict)) + "\n")
                    stream.flush()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            finally:
                for tree in copies:
                    tree.close()
    return [known[mutant.digest] for mutant in mutants]
