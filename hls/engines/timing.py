"""Measure how many clock cycles the RTL takes for given samples, in Verilator.

Latency    cycles of a sample that enters an idle IP, from that in which its first beat is taken to
           that in which its last beat leaves, both included.  Source and sink never stall
Rate       cycles of samples that follow each other without a gap
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rfssm.hls.design import LaneChoice
from rfssm.hls.engines import verilator
from rfssm.hls.packets import packet_ends
from rfssm.progress import Progress
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

_READY = 1


@dataclass(frozen=True)
class Cycles:
    """The clock cycles that samples take.

    samples, steps, events    number of each
    per_step                  mean, samples back to back
    per_sample                mean, samples back to back
    latency                   mean of samples on an idle IP
    latency_min, latency_max  shortest and longest latency
    """

    samples: int
    steps: int
    events: int
    per_step: float
    per_sample: float
    latency: float
    latency_min: int
    latency_max: int


def measure(
    network: IntegerNetwork,
    samples: Samples,
    lanes: LaneChoice | None = None,
    progress: Progress | None = None,
) -> Cycles:
    """Run samples through the RTL twice: back to back, and each on an idle IP."""
    packed = verilator.simulate(network, samples, lanes=lanes, progress=progress)
    alone = verilator.simulate(network, samples, lanes=lanes, alone=True, progress=progress)
    steps = int(samples.steps.sum())
    # the IP is ready from cycle _READY on, and again in the cycle after a sample's last beat
    cycles = int(packed.scored[-1]) + 1 - _READY
    latency = np.diff(alone.scored[packet_ends(network, samples) - 1], prepend=_READY - 1)
    return Cycles(
        samples=len(samples),
        steps=steps,
        events=int(np.count_nonzero(samples.x)),
        per_step=cycles / steps,
        per_sample=cycles / len(samples),
        latency=float(latency.mean()),
        latency_min=int(latency.min()),
        latency_max=int(latency.max()),
    )
