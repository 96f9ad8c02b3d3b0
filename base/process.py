"""Run another program to its end and pass on what it prints while it runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rfssm.errors import ToolError

TAIL_LINES = 15
"""The number of last lines of a failed program's output that a message shows."""


def run_process(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    watch: Callable[[str], None] | None = None,
) -> tuple[int, list[str]]:
    """Run a program; return its exit status and the lines that it printed on either stream.

    env      variables in addition to those of this process
    watch    called with each line as it comes; if it raises, the program is killed

    Raises ToolError if the program cannot be started.
    """
    words = [str(word) for word in command]
    try:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ToolError(f"{words[0]}: cannot be started ({error.strerror})") from None
    lines = []
    with process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line)
                if watch is not None:
                    watch(line)
        except BaseException:
            process.kill()
            raise
    return process.returncode, lines
