"""Provide the ``rfssm`` command line."""

from typing import TYPE_CHECKING

from rfssm.lazy import lazy

if TYPE_CHECKING:
    from rfssm.scripts.cli import main, run

__all__ = [
    "main",
    "run",
]
__getattr__ = lazy(__name__)
