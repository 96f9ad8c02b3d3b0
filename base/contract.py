"""Define the names that training, networks and hardware share (docs/concepts/contract.md)."""

from typing import Literal

Rounding = Literal["TRN", "TRN_ZERO", "RND", "RND_CONV"]
"""Rounding toward minus infinity, toward zero, half up, half to even, by the names of HLS."""
Score = Literal["sum", "last", "max", "each"]
"""The score that a readout computes from its state, over a sample's steps or after each step."""
