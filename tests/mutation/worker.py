"""Runs pytest again and again, each time in a fork of a process that has imported the libraries.

These are those below and those that the command line names.  Reads lines of JSON, {arguments, log,
seconds}; answers each with [status, seconds].
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys

LIBRARIES = (
    "cocotb_tools.runner", "numpy.testing", "platformdirs", "pydantic", "pytest", "rich.progress",
    "safetensors.numpy", "yaml", "xml.etree.ElementTree",
)  # fmt: skip
PATIENCE = 100
"""Real seconds for each of processor time."""


def main() -> None:
    from _pytest.config import default_plugins

    for name in (*LIBRARIES, *sys.argv[1:], *(f"_pytest.{plugin}" for plugin in default_plugins)):
        importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _test(**request)
        _, status, usage = os.wait4(child, 0)
        answer = [os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime]
        print(json.dumps(answer), flush=True)


def _test(arguments: list[str], log: str, seconds: int) -> None:
    """The child: never returns."""
    status = 3
    try:
        signal.alarm(PATIENCE * seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(output, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        import pytest

        status = int(pytest.main(arguments))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
