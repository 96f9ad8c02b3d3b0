"""Names of the hls4ml backends that take our layers, and the lock around their C++."""

from __future__ import annotations

from rfssm.lock import Lock

BACKENDS = ("Vitis", "Vivado", "RFSSM")
ALONE = Lock()
"""Held where C++ runs: hls4ml changes the working directory, and a library keeps a sample's length
and buffers, which all threads would share."""
