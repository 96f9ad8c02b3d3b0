"""The hls4ml backend: layers, C++ templates, projects.

hls4ml is imported here, before any of our modules that build on it.  While it is being imported it
calls ``plugin.register``, which therefore finds each of our modules either whole or not yet begun.
"""

from contextlib import suppress

with suppress(ImportError):  # ``plugin.missing`` says what to install
    import hls4ml  # noqa: F401

from rfssm.hls.hls4ml.backends import BACKENDS
from rfssm.hls.hls4ml.plugin import convert_network

__all__ = ["BACKENDS", "convert_network"]
