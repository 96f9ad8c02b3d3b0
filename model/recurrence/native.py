"""Builds the C++ kernels on first use, and keeps the library in the user's cache folder."""

from __future__ import annotations

import ctypes
import os
import platform
import tempfile
import warnings
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from rfssm.cache import cached
from rfssm.errors import ToolError
from rfssm.process import run_process

_FLAGS = (
    *("-std=c++17", "-O3", "-march=native", "-fopenmp", "-shared", "-fPIC"),
    # No sum of products is fused and nothing is reordered: results do not depend on the machine.
    *("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),
)

_LIBRARY = "kernel.so"
_SOURCES: dict[str, list[str]] = {
    "cpu.cpp": [],
    "product.cpp": ["-ffp-contract=fast"],  # gradients only
}


class KernelWarning(UserWarning):
    """The fast kernel cannot be used; a slow one with the same results takes its place."""


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernel; None, after one warning, where it cannot be built."""
    try:
        return ctypes.CDLL(str(build()))
    except (ToolError, OSError) as error:
        warnings.warn(
            f"{error}; training uses the slow kernel 'reference', with the same results",
            KernelWarning,
            stacklevel=2,
        )
        return None


def flags() -> list[str]:
    """Return the flags of the compiler."""
    return [*_FLAGS, *(["-mprefer-vector-width=512"] if platform.machine() == "x86_64" else [])]


def build(defines: Sequence[str] = ()) -> Path:
    """Compile the kernel, unless a library of the same content is in the cache."""
    package = files("rfssm.model.recurrence")
    sources = {name: package.joinpath(name).read_bytes() for name in _SOURCES}
    compiler = os.environ.get("CXX", "g++")
    options = [*flags(), *defines]

    def compile_library(folder: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="rfssm-kernel-") as place:
            objects = []
            for name, source in sources.items():
                cpp = Path(place, name)
                cpp.write_bytes(source)
                objects.append(str(cpp.with_suffix(".o")))
                _run([compiler, *options, *_SOURCES[name], "-c", str(cpp), "-o", objects[-1]])
            _run([compiler, *options, *objects, "-o", str(folder / _LIBRARY)])

    key: list[str | bytes] = [_run([compiler, "--version"]), *options, str(_SOURCES), _processor()]
    key += sources.values()
    return cached("kernel", key, compile_library) / _LIBRARY


def _run(command: Sequence[str]) -> str:
    try:
        status, lines = run_process(command)
    except ToolError:
        raise ToolError(
            f"no C++ compiler: {command[0]!r} cannot be started; install g++ "
            "(Debian: apt install g++) or set CXX"
        ) from None
    printed = "".join(lines)
    if status:
        tail = " ".join(printed.strip().splitlines()[-3:])
        raise ToolError(f"the C++ compiler {command[0]!r} failed ({tail}); set CXX to another")
    return printed


def _processor() -> str:
    """Return the properties of the processor on which -march=native depends."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine() + platform.processor()
    wanted = ("model name", "flags", "Features", "CPU part")
    first = {line.split(":")[0].strip(): line for line in reversed(lines)}
    return "\n".join([platform.machine(), *(first[name] for name in wanted if name in first)])
