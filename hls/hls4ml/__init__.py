"""Extend hls4ml by a backend for integer networks: layers, C++ templates, projects.

This package imports hls4ml before any of its modules that build on hls4ml.  hls4ml's own import
calls ``plugin.register``, which thus finds each module either imported completely or not at all.
"""

from contextlib import suppress

with suppress(ImportError):  # ``plugin.missing`` reports what to install
    import hls4ml  # noqa: F401

from rfssm.hls.hls4ml.backends import BACKENDS
from rfssm.hls.hls4ml.plugin import convert_network

__all__ = ["BACKENDS", "convert_network"]
