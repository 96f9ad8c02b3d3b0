"""A C++ compiler that compiles a text once: what it made is kept in rfssm's cache.

    python tests/kept_compiler.py /usr/bin/g++ -O0 -c x.cpp -o x.o

For tests of what emitted C++ does: it is emitted anew in each run, and is still the same.  What is
kept goes by the text that the preprocessor makes of the sources, by the objects that are linked, by
the options, and by the compiler's version.  An option that holds a path acts through the text that
it leads to.  What fails is not kept.
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
    """Put it on PATH as ``g++`` and ``clang++``, with options that count more than the caller's."""
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
    """What the compiler says, the first time that it is asked this."""
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
        if output.is_file():  # nothing comes of a look at the syntax
            shutil.copy(output, folder / "output")

    kept = cached("tests", [*key, *(w for w in options if "/" not in w)], build)
    if (kept / "output").exists():
        output.unlink(missing_ok=True)  # a library there may be in use
        shutil.copy(kept / "output", output)
    sys.stderr.buffer.write((kept / "said").read_bytes())
    return b""


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run it; if it fails so does this process, with what it said."""
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        sys.stderr.buffer.write(done.stdout + done.stderr)
        sys.exit(done.returncode)
    return done


if __name__ == "__main__":
    sys.stdout.buffer.write(run(sys.argv[2:], sys.argv[1]))
