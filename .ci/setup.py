"""Make the virtual environment of a clone: ``python3 .ci/setup.py VENV TORCH TORCH_INDEX``.

Prints one line for each step; what pip prints goes to ``VENV/setup.log``.

TORCH          requirement of torch, as torch==2.13.0
TORCH_INDEX    package index with CPU builds of torch, asked first; empty: none
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

TAIL_LINES = 30
PATIENCE_SECONDS = 10
# setuptools warns whoever installs a package that it finds by a table, ours: a folder of the
# package's name in the working directory would hide it.  There is no folder `rfssm` here.
ENVIRONMENT = {**os.environ, "PYTHONWARNINGS": "ignore:Editable installation"}


def answers(index: str) -> bool:
    """Whether a package index can be reached: where it cannot, pip would retry for minutes."""
    try:
        with urllib.request.urlopen(index, timeout=PATIENCE_SECONDS):
            return True
    except urllib.error.HTTPError:
        return True  # an index need not list itself
    except (OSError, ValueError):
        return False


def step(number: int, what: str, command: list[str], log: Path) -> None:
    """Run one step and say how long it took; show the end of the log where it fails."""
    print(f"{number}/4  {what} ...", end=" ", flush=True)
    begin = time.monotonic()
    with log.open("a") as file:
        print(f"\n$ {' '.join(command)}", file=file, flush=True)
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=ENVIRONMENT)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        sys.exit(f"failed\n\n{tail}\n\nThe whole log is {log}.")
    print(f"{time.monotonic() - begin:.0f} s", flush=True)


def main(venv: Path, torch: str, index: str) -> None:
    """Make the environment."""
    if sys.version_info < (3, 11):  # noqa: UP036  # an older Python may run this
        sys.exit("rfssm needs Python 3.11 or newer")
    venv.mkdir(parents=True, exist_ok=True)
    log = venv / "setup.log"
    log.write_text("")
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install"]
    step(1, f"virtual environment {venv}", [sys.executable, "-m", "venv", str(venv)], log)
    step(2, "pip", [*pip, "--upgrade", "pip>=24"], log)
    found = bool(index) and answers(index)
    if index and not found:
        print(f"     {index} does not answer: torch comes from the default index")
    extra = ["--extra-index-url", index] if found else []
    step(
        3,
        f"{torch}, {'CPU' if found else 'default'} build",
        [*pip, "--no-deps", *extra, torch],
        log,
    )
    step(4, "rfssm, and what its commands and tests need", [*pip, "--editable", ".[dev]"], log)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
