"""Handle standard streams that are closed, full, or no longer read."""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import suppress
from typing import Any, TextIO


class Guarded:
    """A text stream whose failure does not end the work: text that cannot be written is dropped.

    error    the first failure, or None
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, unless writing has failed before."""
        if self.error is None:
            try:
                self._stream.write(text)
            except OSError as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Flush the stream, unless writing has failed; a full disk or a closed pipe shows here."""
        if self.error is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Redirect the stream to /dev/null, so that Python does not fail on its buffer at exit."""
        self.error = error
        with suppress(OSError, ValueError):  # only tests use a stream without a file
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def repair_streams() -> None:
    """Open the standard streams that are closed, and make the others print every character.

    A closed stream becomes /dev/null: otherwise the next file to be opened would take its number,
    and a tool would print into that file.  Characters that the terminal's encoding lacks are
    written as escapes.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w"))
    for name in ("COLUMNS", "LINES"):  # values that are not a size are removed
        if not re.fullmatch("[1-9][0-9]{0,3}", os.environ.get(name, "80")):
            del os.environ[name]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
