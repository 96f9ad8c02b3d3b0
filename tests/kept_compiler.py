"""Run a C++ compiler once for each text, and keep its output in rfssm's cache.

    python tests/kept_compiler.py /usr/bin/g++ -O0 -c x.cpp -o x.o

Tests emit the same C++ anew in each run.  The key of the cache consists of the preprocessed text of
the sources, the objects that are linked, the options and the compiler's version.  An option with a
path acts through the text that it leads to.  Failures are not kept.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from rfssm.cache import cached

_FILES_OF_OPTIONS = ("-o", "-include", "-I", "-isystem")


@contextmanager
def kept_compilers(*options: str) -> Iterator[None]:
    """Put this compiler on PATH as ``g++`` and ``clang++``; options override the caller's."""
    before = os.environ["PATH"]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("g++", "clang++"):
            if compiler := shutil.which(name):
                words = [sys.executable, __file__, compiler]
                script = Path(folder) / name
                script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@" {" ".join(options)}\n')
                script.chmod(0o755)
        os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
        try:
            yield
        finally:
            os.environ["PATH"] = before


def run(words: list[str], compiler: str) -> bytes:
    """Run the compiler, or take its output from the cache; return what it prints."""
    pairs = pairwise(["", *words])
    files = [word for before, word in pairs if before not in _FILES_OF_OPTIONS]
    sources = [w for w in files if Path(w).suffix in (".cpp", ".h")]
    objects = [w for w in files if Path(w).suffix == ".o"]
    if not sources + objects:
        return _run([compiler, *words]).stdout
    output = Path(words[words.index("-o") + 1] if "-o" in words else f"{sources[0]}.gch")
    options = [w for w in words if w not in (*sources, *objects, "-o", str(output))]
    text = _run([compiler, *options, "-E", "-P", *sources]).stdout if sources else b""
    key = [_run([compiler, "--version"]).stdout, text, *map(Path.read_bytes, map(Path, objects))]

    def build(folder: Path) -> None:
        (folder / "said").write_bytes(_run([compiler, *words]).stderr)
        if output.is_file():  # a check of the syntax makes no file
            shutil.copy(output, folder / "output")

    kept = cached("tests", [*key, *(w for w in options if "/" not in w)], build)
    if (kept / "output").exists():
        output.unlink(missing_ok=True)  # an existing library may be in use
        shutil.copy(kept / "output", output)
    sys.stderr.buffer.write((kept / "said").read_bytes())
    return b""


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run a command; if it fails, print its output and exit with its status."""
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        sys.stderr.buffer.write(done.stdout + done.stderr)
        sys.exit(done.returncode)
    return done


if __name__ == "__main__":
    sys.stdout.buffer.write(run(sys.argv[2:], sys.argv[1]))
