"""Estimate the cells and the speed of a design on an ECP5 in milliseconds, without any tool.

Cells by module and memories come from formulas over formats and lanes (``area``), cycles from the
events of each step (``cycle_model``), the clock rate from a curve through designs that were placed.
``rfssm.hls.synthesis.flow`` gives the same numbers from the real tools.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from rfssm.errors import HardwareError
from rfssm.hls.design import Design, check_design
from rfssm.hls.engines.timing import Cycles
from rfssm.hls.estimate import area, cycle_model
from rfssm.hls.estimate.contributions import DSP_BITS
from rfssm.hls.estimate.cycle_model import Activity
from rfssm.hls.synthesis import targets
from rfssm.hls.synthesis.netlist_cells import CellReport, Cells
from rfssm.hls.synthesis.targets import TARGETS, Target
from rfssm.quant.network import IntegerNetwork, check_network
from rfssm.quant.samples import Samples, check_call

RATE = 0.1
"""The default rate of random events, per input or neuron and step."""

# Clock period in ns, calibrated on placed designs of speed grade 6: paths through cells; wires,
# which grow with the square root of the design (in thousands of look-up tables); a multiplier block
# whose own registers are not used.  The seed of the placement alone changes the period by a tenth.
_CELLS_NS, _WIRES_NS, _BARE_MULTIPLIER_NS = 5.5, 0.7, 2.2
_GRADE = {"6": 1.0, "7": 0.82, "8": 0.72}
FMAX_ERROR = 0.2
"""The relative error of the curve for placed designs; -17 % to 13 % in docs/howto/estimate.md."""

_FAMILY = "ecp5"
_MAX_MULTIPLICATIONS = 1 << 29  # for the activity of samples
_RANDOM_SAMPLES, _RANDOM_STEPS = 4, 200


@dataclass(frozen=True)
class Estimate:
    """The estimated cells and speed of a design on a target.

    speed      speed grade of the device
    cells      by module
    cycles     for the samples, or for random events
    samples    number of samples that were given; 0 if the events are random
    rates      events per input and step that enter each layer, the readout last
    """

    design: Design
    target: Target
    speed: str
    cells: CellReport
    cycles: Cycles
    samples: int
    rates: tuple[float, ...]

    @property
    def fmax_mhz(self) -> float:
        """The clock rate that the placed design should reach, within ``FMAX_ERROR``, in MHz."""
        return fmax_mhz(self.design.network, self.target, self.speed, self.cells.total)

    @property
    def latency_us(self) -> float:
        """The mean latency of the samples, each on an idle IP, in microseconds."""
        return self.cycles.latency / self.fmax_mhz

    @property
    def samples_per_second(self) -> float:
        """The throughput of samples that follow each other without a gap."""
        return 1e6 * self.fmax_mhz / self.cycles.per_sample

    @property
    def needs(self) -> dict[str, int]:
        """A lower bound on the use of each resource, by nextpnr's names."""
        return self.target.needs(self.cells.total)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, named as in the JSON of ``rfssm.hls.synthesis.flow``."""
        network = self.design.network
        return {
            "network": network.name,
            "digest": network.digest(),
            "lanes": [asdict(lanes) for lanes in self.design.lanes],
            "target": self.target.name,
            "family": self.target.family,
            "speed": self.speed,
            "cells": self.cells.to_json(),
            "utilization": [
                {"resource": r.name, "is": r.words, "used": used, "available": r.count}
                for r in self.target.resources
                for used in [self.needs[r.name]]
            ],
            "fits": not self.target.short(self.cells.total),
            "fmax_mhz": self.fmax_mhz,
            "fmax_error": FMAX_ERROR,
            "cycles": asdict(self.cycles),
            "samples": self.samples,
            "rates": list(self.rates),
            "latency_us": self.latency_us,
            "samples_per_second": self.samples_per_second,
        }


def estimate(
    design: Design, target: Target, activity: Activity, *, speed: str | None = None
) -> Estimate:
    """Estimate a design on a target.

    activity    events of each step: ``activity_of`` samples, or random events
    speed       speed grade of the device; the target's first if absent

    Raises HardwareError for a family without an estimate or for an unknown grade.
    """
    check_design(design)
    check_target(target)
    grade = target.speed(speed)
    assert grade is not None
    return Estimate(
        design=design,
        target=target,
        speed=grade,
        cells=area.report(design),
        cycles=cycle_model.cycles(design, activity),
        samples=activity.given,
        rates=activity.rates(),
    )


def check_target(target: Target) -> None:
    """Raise HardwareError if the argument is not a Target or its family has no estimate."""
    targets.check_target(target)
    if target.family != _FAMILY:
        known = ", ".join(t.name for t in TARGETS.values() if t.family == _FAMILY)
        raise HardwareError(
            f"target = {target.name}: there are estimates for {known} only; rfssm synth gives the "
            "numbers of every target"
        )


def fmax_mhz(network: IntegerNetwork, target: Target, speed: str, cells: Cells) -> float:
    """Return the clock rate of a design with a number of cells, in MHz."""
    assert target.logic is not None
    thousands = target.needs(cells)[target.logic.name] / 1000
    period = _CELLS_NS + _WIRES_NS * math.sqrt(thousands)
    if _has_bare_multipliers(network):
        period += _BARE_MULTIPLIER_NS
    return 1000 / (period * _GRADE[speed])


def _has_bare_multipliers(network: IntegerNetwork) -> bool:
    """Whether a layer's inputs have more than one bit, or an operand needs more than one block."""
    inputs = any(network.value_range(i) != (0, 1) for i in range(len(network.all_layers)))
    wide = any(max(layer.state_bits, layer.transition_bits) > DSP_BITS for layer in network.layers)
    return inputs or wide or network.readout.state_bits > DSP_BITS


def activity_of(
    network: IntegerNetwork, samples: Samples | None = None, rate: float = RATE
) -> Activity:
    """Compute the activity of a network in well under a second.

    samples    if there are too many, some evenly spaced ones are run; if absent, events are random
    rate       random events per input or neuron and step, over ``steps_max`` steps

    Raises SamplesError for samples that the network cannot take, HardwareError for a rate outside
    0 to 1.
    """
    if not 0 <= rate <= 1:
        raise HardwareError(f"rate = {rate:g}: must be between 0 and 1 events per input and step")
    check_network(network)
    if samples is None:
        return Activity.random(network, rate, samples=_RANDOM_SAMPLES, steps=_steps(network))
    check_call(network, samples)
    step = sum(layer.inputs * layer.outputs for layer in network.all_layers)
    work = 2 * step * samples.x.shape[1] * len(samples)
    every = -(-work // _MAX_MULTIPLICATIONS)
    return Activity.of(network, samples[:: max(1, every)], given=len(samples))


def _steps(network: IntegerNetwork) -> int:
    return min(_RANDOM_STEPS, network.input.steps_max)
