"""Listeners for the event that a layer of a quantised network becomes a node of a graph.

The list stands here, where importing it takes no time: a converter's plugin adds itself to it while
that converter is being imported.
"""

from __future__ import annotations

from collections.abc import Callable

OBSERVERS: list[Callable[[], None]] = []
"""Called before each node is made."""
