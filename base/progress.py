"""Define the functions that long work calls to report its progress."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with the amounts of work done and of all work."""
EngineProgress = Callable[[str, int, int], None]
"""Called with the name of an engine, the number of samples it has run and of all samples."""
Announce = Callable[[str], None]
"""Called with a description of the current work."""
StageProgress = Callable[[str, str], None]
"""Called with the name of a stage and a description of its current work, which may be empty."""


def no_progress(*_: object) -> None:
    """Report nothing, in place of any kind of progress."""
