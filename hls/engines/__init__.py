"""Run a network in one of several engines, which all return the same ``Outputs``, bit for bit.

golden                 NumPy, the definition of the network's arithmetic
csim                   the HLS C++, compiled with g++
verilator, icarus      the RTL, in Verilator or Icarus Verilog
netlist...             the synthesised RTL: gates, or with ``-ecp5``, ``-ice40`` cells of a family;
                       in Verilator, or with ``-icarus`` in Icarus
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from rfssm.errors import RfssmError
from rfssm.hls.design import LaneChoice
from rfssm.progress import Progress
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples, check_call

__all__ = ["BY_DEFAULT", "ENGINES", "missing", "run"]

BY_DEFAULT = ("golden", "csim", "verilator", "icarus")
"""The engines that are compared by default: netlists are slow to make and to run."""

_NETLISTS: dict[str, dict[str, str]] = {
    "netlist": {"cells": "generic", "simulator": "verilator"},
    "netlist-ecp5": {"cells": "ecp5", "simulator": "verilator"},
    "netlist-ice40": {"cells": "ice40", "simulator": "verilator"},
    "netlist-icarus": {"cells": "generic", "simulator": "icarus"},
    "netlist-ecp5-icarus": {"cells": "ecp5", "simulator": "icarus"},
    "netlist-ice40-icarus": {"cells": "ice40", "simulator": "icarus"},
}
ENGINES = (*BY_DEFAULT, *_NETLISTS)


def run(
    network: IntegerNetwork,
    samples: Samples,
    engine: str = "golden",
    *,
    spikes: bool = False,
    states: bool = False,
    lanes: LaneChoice | None = None,
    progress: Progress | None = None,
) -> Outputs:
    """Run samples through a network.

    spikes      also return each layer's spikes
    states      also return each layer's states after each step
    lanes       lanes of the hardware; chosen per layer if absent, unused by golden
    progress    called with the numbers of samples done and of all samples
    """
    _known(engine)
    check_call(network, samples)
    if engine == "golden":
        outputs = golden.run(network, samples, spikes=spikes, states=states)
        if progress is not None:
            progress(len(samples), len(samples))
        return outputs
    outputs = _module(engine).run(
        network,
        samples,
        spikes=spikes,
        states=states,
        lanes=lanes,
        progress=progress,
        **_NETLISTS.get(engine, {}),
    )
    assert isinstance(outputs, Outputs)
    return outputs


def missing(engine: str) -> str | None:
    """Return why an engine cannot run here and what to install; None if it can."""
    _known(engine)
    if engine == "golden":
        return None
    if engine in _NETLISTS:
        reason = _module(engine).missing(_NETLISTS[engine]["simulator"])
    else:
        reason = _module(engine).missing()
    assert reason is None or isinstance(reason, str)
    return reason


def _known(engine: str) -> None:
    if engine not in ENGINES:
        raise RfssmError(f"engine = {engine!r}: must be one of {', '.join(ENGINES)}")


def _module(engine: str) -> ModuleType:
    name = "netlist" if engine in _NETLISTS else engine
    return import_module(f"rfssm.hls.engines.{name}")  # late, because csim imports hls4ml
