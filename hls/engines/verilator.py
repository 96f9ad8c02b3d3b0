"""Run whole test sets through the RTL in Verilator, with random stalls and each beat's cycle."""

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

_MAX_UNOPTIMISED_CYCLES = 1_000_000
"""Runs that may take more cycles are worth an optimising compiler."""


def missing() -> str | None:
    """Return why this engine cannot run here, and what to install; None if it can."""
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
    """Run samples through the RTL; return the outputs and the cycle of each beat.

    source_chance    probability per cycle that the source offers a beat when it has one, 0 < p <= 1
    sink_chance      probability per cycle that the sink is ready
    shuffle          whether a step's events are in random order, with some step ends separate
    reset_after      cycles after which the circuit is reset and the run starts over; 0: never
    dense            whether to drive the top with dense beats, one step each; it has no trace
    alone            whether a sample enters only when the previous one's last score has left
    seed             seed of the stalls, the order, and all bits that the circuit leaves undefined
    sources          names and contents of the Verilog files and their memories; the RTL's if absent
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
    with Circuit(design, top, given, seed, much=cycles > _MAX_UNOPTIMISED_CYCLES) as circuit:
        for cut_after in (reset_after, 0) if reset_after else (0,):
            circuit.reset()
            call = Call(design, samples, sent, spikes, states)
            call.stalls(source_chance, sink_chance, seed)
            call.run.alone = alone
            if cut_after:
                circuit.go(call, cut_after)
        circuit.to_the_end(call, progress)
    return call.result()
