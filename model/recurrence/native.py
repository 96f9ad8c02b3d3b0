"""Builds the C++ kernels on first use, and keeps the library in the user's cache folder."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import subprocess
import tempfile
import warnings
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import platformdirs

from rfssm.model.errors import ToolError

_FLAGS = (
    *("-std=c++17", "-O3", "-march=native", "-fopenmp", "-shared", "-fPIC"),
    # No sum of products is fused and nothing is reordered: results do not depend on the machine.
    *("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),
)

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
            f"{error}; training uses the slow kernel 'adjoint', with the same results",
            KernelWarning,
            stacklevel=2,
        )
        return None


def flags() -> list[str]:
    """The compiler's."""
    return [*_FLAGS, *(["-mprefer-vector-width=512"] if platform.machine() == "x86_64" else [])]


def build(defines: Sequence[str] = ()) -> Path:
    """Compile the kernel, unless a library of the same content is in the cache.

    The library appears under its name complete or not at all; of two builds at once one wins.
    """
    package = files("rfssm.model.recurrence")
    sources = {name: package.joinpath(name).read_bytes() for name in _SOURCES}
    compiler = os.environ.get("CXX", "g++")
    options = [*flags(), *defines]
    key = hashlib.sha256()
    for part in (_run([compiler, "--version"]), *options, str(_SOURCES), _processor()):
        key.update(part.encode() + b"\0")
    for source in sources.values():
        key.update(source + b"\0")
    folder = _cache_folder()
    final = folder / f"{key.hexdigest()[:40]}.so"
    if final.exists():
        return final
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=folder) as temporary:
        objects = []
        for name, source in sources.items():
            cpp = Path(temporary, name)
            cpp.write_bytes(source)
            objects.append(str(cpp.with_suffix(".o")))
            _run([compiler, *options, *_SOURCES[name], "-c", str(cpp), "-o", objects[-1]])
        built = Path(temporary, "built.so")
        _run([compiler, *options, *objects, "-o", str(built)])
        built.replace(final)
    return final


def _cache_folder() -> Path:
    chosen = os.environ.get("RFSSM_CACHE")
    return Path(chosen or platformdirs.user_cache_dir("rfssm")) / "kernel"


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    except OSError:
        raise ToolError(
            f"no C++ compiler: {command[0]!r} cannot be started; install g++ "
            "(Debian: apt install g++) or set CXX"
        ) from None
    if done.returncode:
        tail = " ".join(done.stderr.strip().splitlines()[-3:])
        raise ToolError(f"the C++ compiler {command[0]!r} failed ({tail}); set CXX to another")
    return done.stdout


def _processor() -> str:
    """What -march=native depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine() + platform.processor()
    wanted = ("model name", "flags", "Features", "CPU part")
    first = {line.split(":")[0].strip(): line for line in reversed(lines)}
    return "\n".join([platform.machine(), *(first[name] for name in wanted if name in first)])
