"""Standard output and error that may be closed, full, or read by nobody any more."""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import suppress
from typing import Any, TextIO


class Guarded:
    """A text stream whose failure does not end the work: what cannot be written is left out.

    error    the first failure, if there was one
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
        """Send on what was written: where a full disk or a closed pipe shows."""
        if self.error is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Keep Python from failing once more, at its end, on what is left in the buffer."""
        self.error = error
        with suppress(OSError, ValueError):  # a stream without a file is held by a test only
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def repair_streams() -> None:
    """Open the standard streams that are closed, and let the others show every character.

    A closed one becomes /dev/null, as if nobody read it: otherwise the next file to be opened would
    take its place, and a tool would print into that.  What the terminal's encoding does not have
    is written as an escape.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w"))
    for name in ("COLUMNS", "LINES"):  # what is not a size is forgotten
        if not re.fullmatch("[1-9][0-9]{0,3}", os.environ.get(name, "80")):
            del os.environ[name]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
