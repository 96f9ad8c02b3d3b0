"""The RTL in Verilator: whole test sets in one go, stalled at random; the cycle of each beat."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rfssm.hls import packets, toolchain
from rfssm.hls.design import Design, LaneChoice
from rfssm.hls.emit.project import design_sources
from rfssm.hls.engines.bulk import Call, Circuit, Simulation
from rfssm.progress import Progress
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples, check_call

_SHORT_CYCLES = 1_000_000
"""Runs that may take more cycles are worth an optimising compiler."""


def missing() -> str | None:
    """Why this engine cannot run here, and what to install."""
    return toolchain.missing_verilator()


def run(
    network: IntegerNetwork,
    samples: Samples,
    *,
    spikes: bool = False,
    states: bool = False,
    lanes: LaneChoice | None = None,
    progress: Progress | None = None,
    sources: Mapping[str, bytes] | None = None,
) -> Outputs:
    """Run samples through the RTL, or through other ``sources`` as in ``simulate``."""
    return simulate(
        network,
        samples,
        spikes=spikes,
        states=states,
        lanes=lanes,
        progress=progress,
        sources=sources,
    ).outputs


def simulate(
    network: IntegerNetwork,
    samples: Samples,
    *,
    spikes: bool = False,
    states: bool = False,
    lanes: LaneChoice | None = None,
    progress: Progress | None = None,
    source_chance: float = 1.0,
    sink_chance: float = 1.0,
    shuffle: bool = False,
    reset_after: int = 0,
    dense: bool = False,
    alone: bool = False,
    seed: int = 1,
    sources: Mapping[str, bytes] | None = None,
) -> Simulation:
    """Run samples through the RTL and say when what happened.

    source_chance    how often the source offers a beat when it has one, 0 < p <= 1
    sink_chance      how often the sink is ready
    shuffle          events of a step in random order, some step ends in beats of their own
    reset_after      run so many cycles, reset in the middle of it all, then start over
    dense            drive the top that takes dense beats, one step each; it has no trace
    alone            a sample enters only when the last score of the one before has left
    seed             of the stalls, the order, and of all bits that the circuit does not initialise
    sources          name and contents of the Verilog files and what they read (default: the RTL's)
    """
    check_call(network, samples)
    if dense and (spikes or states):
        raise ValueError("the top for dense beats has no trace: spikes and states must be False")
    design = Design.of(network, lanes, "dut")
    top = "dut_axis_dense" if dense else "dut_axis_trace"
    given = design_sources(design) if sources is None else sources
    if dense:
        sent = packets.dense_beats(network, samples)
    else:
        sent = packets.event_beats(samples, np.random.default_rng(seed) if shuffle else None)
    cycles = int(samples.steps.sum()) * design.slowest_step
    with Circuit(design, top, given, seed, much=cycles > _SHORT_CYCLES) as circuit:
        for so_many in (reset_after, 0) if reset_after else (0,):
            circuit.reset()
            call = Call(design, samples, sent, spikes, states)
            call.stalls(source_chance, sink_chance, seed)
            call.run.alone = alone
            if so_many:
                circuit.go(call, so_many)
        circuit.to_the_end(call, progress)
    return call.result()
