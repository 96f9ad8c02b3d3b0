"""What training, integer networks and hardware name alike (docs/concepts/contract.md)."""

from typing import Literal

Rounding = Literal["TRN", "TRN_ZERO", "RND", "RND_CONV"]
"""Toward minus infinity, toward zero, half up, half to even; the names are those of HLS."""
Score = Literal["sum", "last", "max", "each"]
"""What a readout gives of its state: over a sample's steps, or after each step."""
