"""Resonate-and-fire state space networks: from training to FPGA IP, bit for bit.

    network = rfssm.load("network.safetensors")
    outputs = rfssm.run(network, x)                    # integers [samples, steps, channels]
    report = rfssm.verify(network, x)                  # report.equal, or the first difference
    ip = rfssm.convert(network, "ip", lanes=rfssm.Lanes(16, 4), name="keyword")

Names are imported on first use, so that ``import rfssm`` takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rfssm.lazy import lazy

if TYPE_CHECKING:
    from rfssm import errors
    from rfssm.front import (
        IntegerNetwork,
        Lanes,
        Outputs,
        Samples,
        convert,
        estimate,
        freeze,
        load,
        quantize,
        quantize_aware,
        run,
        synthesize,
        train,
        verify,
    )

    __version__: str

__all__ = [
    "IntegerNetwork",
    "Lanes",
    "Outputs",
    "Samples",
    "__version__",
    "convert",
    "errors",
    "estimate",
    "freeze",
    "load",
    "quantize",
    "quantize_aware",
    "run",
    "synthesize",
    "train",
    "verify",
]


_find = lazy(__name__)


def __getattr__(name: str) -> Any:
    """Import a name of ``__all__`` on its first use."""
    if name == "__version__":
        from importlib import metadata  # slow to import

        return metadata.version("rfssm")
    if name == "errors":
        return import_module("rfssm.errors")
    return _find(name)


def __dir__() -> list[str]:
    return sorted(__all__)
