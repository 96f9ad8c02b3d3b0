"""Torch handlers: what hls4ml's PyTorch frontend does with the layers of a ``QATNetwork``."""

from __future__ import annotations

from typing import Any

HANDLERS: dict[str, Any] = {}
