"""Define the hls4ml backends that accept rfssm's layers, and the lock around their C++."""

from __future__ import annotations

from rfssm.lock import Lock

BACKENDS = ("Vitis", "Vivado", "RFSSM")
CPP_LOCK = Lock()
"""The lock that is held while C++ runs: hls4ml changes the working directory, and a library keeps
a sample's length and buffers, which all threads would share."""
