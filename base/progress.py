"""What long work calls to say how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is to do."""
EngineProgress = Callable[[str, int, int], None]
"""Called with the name of an engine, how many samples it has run and how many there are."""
Announce = Callable[[str], None]
"""Called with what is being done."""
StageProgress = Callable[[str, str], None]
"""Called with the name of a stage and what the stage is doing, which may be empty."""


def no_progress(*_: object) -> None:
    """Progress of any kind that nobody asked to see."""
