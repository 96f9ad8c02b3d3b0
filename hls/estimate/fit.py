"""The lanes with which a network is fastest within a device, from the estimate.

A layer's lanes decide its cycles in each step and its cells, independent of the other layers; the
network takes as long as its slowest layer.  So for every pace the smallest lanes of each layer that
keep it are found, the fastest pace that fits is taken, and then improved one layer at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rfssm.errors import HardwareError
from rfssm.hls.design import Design, Lanes
from rfssm.hls.estimate import area
from rfssm.hls.estimate.cycle_model import Activity
from rfssm.hls.estimate.estimate import Estimate, check_target, fmax_mhz
from rfssm.hls.synthesis.netlist_cells import Cells
from rfssm.hls.synthesis.targets import TARGETS, Target
from rfssm.quant.network import IntegerNetwork

_FILL = 0.7
"""Share of look-up tables and flip-flops that may be taken: packing adds a fifth, and a device
that is almost full cannot be routed.  Of memories and multipliers every one may."""
_LOOP = 8  # a sweep takes no fewer cycles, so more lanes than N / 8 are of no use


@dataclass(frozen=True)
class _Option:
    """Lanes of one layer, their cells, and the cycles of each step."""

    lanes: Lanes
    cells: Cells
    cycles: NDArray[np.int64]


def fit_lanes(
    network: IntegerNetwork, target: Target, activity: Activity, *, speed: str | None = None
) -> tuple[Lanes, ...]:
    """Lanes of each layer, the readout's last, with the lowest latency within a device.

    Of equally fast ones the smallest.  Raises HardwareError if even the fewest lanes do not fit, or
    for a family that there is no estimate for.
    """
    check_target(target)
    grade = target.speed(speed)
    assert grade is not None
    common, options = _options(network, activity)

    def total(choice: Sequence[_Option]) -> Cells:
        return sum((option.cells for option in choice), common)

    def cost(choice: Sequence[_Option]) -> tuple[float, float]:
        """Relative latency and fill."""
        slowest = np.maximum.reduce([option.cycles for option in choice]).mean()
        cells = total(choice)
        return float(slowest) / fmax_mhz(network, target, grade, cells), _fill(target, cells)

    best = [min(layer, key=lambda option: _fill(target, option.cells)) for layer in options]
    if _fill(target, total(best)) > 1:
        if short := target.short(total(best)):
            raise HardwareError(
                f"no lanes fit {network.name!r} into {target.name}: the smallest design needs "
                f"{short}; choose a network with fewer layers, neurons or bits"
                f"{target.or_larger(target.needs(total(best)))}"
            )
        raise HardwareError(
            f"the smallest lanes fill {target.name} beyond {_FILL:.0%} of its logic: choose a "
            "larger target"
        )
    lowest = cost(best)
    for pace in sorted({float(o.cycles.mean()) for layer in options for o in layer}):
        keeping = [[o for o in layer if o.cycles.mean() <= pace] for layer in options]
        if not all(keeping):
            continue
        choice = [min(layer, key=lambda option: _fill(target, option.cells)) for layer in keeping]
        here = cost(choice)
        if here[1] <= 1 and here < lowest:
            best, lowest = choice, here
    improved = True
    while improved:
        improved = False
        for choice in _neighbours(best, options):
            here = cost(choice)
            if here[1] <= 1 and here < lowest:
                best, lowest, improved = choice, here, True
    return tuple(option.lanes for option in best)


def _neighbours(
    choice: Sequence[_Option], options: Sequence[Sequence[_Option]]
) -> Iterator[list[_Option]]:
    """Choices that differ in one layer."""
    for i, layer in enumerate(options):
        for option in layer:
            if option is not choice[i]:
                yield [*choice[:i], option, *choice[i + 1 :]]


def _fill(target: Target, cells: Cells) -> float:
    """Largest share of what may be taken of a resource; above 1 it does not fit."""
    needs = target.needs(cells)
    shares = []
    for resource in target.resources:
        may = _FILL if resource in (target.logic, target.ff) else 1.0
        shares.append(needs[resource.name] / (may * resource.count))
    return max(shares)


def _options(network: IntegerNetwork, activity: Activity) -> tuple[Cells, list[list[_Option]]]:
    """Cells of the streams' ends, and for each layer what its lanes can be."""
    layers = network.all_layers
    events = [values[activity.live].sum(axis=1) for values in activity.values]
    options: list[list[_Option]] = [[] for _ in layers]
    common = Cells()
    allowed = [set(sensible_lanes(layer.outputs)) for layer in layers]
    allowed[-1] = {lanes for lanes in allowed[-1] if lanes.neuron == 1}  # one class per cycle
    for lanes in set().union(*allowed):
        design = Design.of(network, lanes)
        rows = area.report(design).modules
        common = rows["source"] + rows["sink"]
        for i, layer in enumerate(layers):
            if lanes not in allowed[i]:
                continue
            prefix = f"layer{i}" if i < len(network.layers) else "readout"
            own = [cells for name, cells in rows.items() if name.split(".")[0] == prefix]
            sweep = max(-(-layer.outputs // design.lanes[i].neuron), _LOOP)
            words = -(-layer.outputs // design.lanes[i].synapse)
            option = _Option(
                design.lanes[i], sum(own, Cells()), np.maximum(events[i] * words, sweep)
            )
            options[i].append(option)
    for layer_options in options:
        layer_options.sort(key=lambda option: (option.lanes.neuron, option.lanes.synapse))
    return common, options


def check_blocks(design: Design, target: Target) -> None:
    """Refuse, in milliseconds, a design that needs more blocks than a device has.

    Multipliers and memories are counted from formulas (``area.blocks``); logic is not.  Raises
    HardwareError, naming what is short, and the smallest lanes that fit or a device that is large
    enough.
    """
    counted = area.blocks(design, target.family)
    if counted is None or not (short := target.short(counted)):
        return
    network = design.network
    widest = max(layer.outputs for layer in network.all_layers)
    every = [Design.of(network, lanes) for lanes in sensible_lanes(widest)]
    for smaller in every:
        if _holds(target, smaller):
            lanes = max(smaller.lanes, key=lambda each: (each.synapse, each.neuron))
            larger = target.or_larger(target.needs(counted))
            raise HardwareError(
                f"the design does not fit {target.name}: it needs {short}; choose fewer lanes (the "
                f"fewest whose blocks fit: --synapse-lanes {lanes.synapse} --neuron-lanes "
                f"{lanes.neuron}){larger}"
            )
    smallest = every[0]
    counted = area.blocks(smallest, target.family)
    assert counted is not None
    holding = (
        other.name
        for other in TARGETS.values()
        if other.placed and other.room > target.room and _holds(other, smallest)
    )
    large = next(holding, None)
    raise HardwareError(
        f"no lanes fit {network.name!r} into {target.name}: the smallest design, with "
        f"--synapse-lanes 1 --neuron-lanes 1, needs {target.short(counted)}; choose a network with "
        "fewer layers, neurons or bits" + (f", or target {large}" if large else "")
    )


def _holds(target: Target, design: Design) -> bool:
    """Whether a device has the blocks of a design; of an ECP5 also the logic, as estimated."""
    counted = area.blocks(design, target.family)
    if counted is None or target.short(counted):
        return False
    return target.family != "ecp5" or _fill(target, area.report(design).total) <= 1


def sensible_lanes(n: int) -> Iterator[Lanes]:
    """Lanes that a layer of n neurons can use, narrow ones first.

    No more cells than a sweep can use.  Synapse lanes up to a fourth of the row, or all of it: half
    a row costs more than a whole one, which needs no memory for its currents.
    """
    row = 1 << (n - 1).bit_length()
    powers = [1 << k for k in range(row.bit_length())]
    for neuron in powers:
        if neuron == 1 or neuron * _LOOP <= n:
            for synapse in powers:
                if synapse >= neuron and (synapse * 4 <= n or synapse == row):
                    yield Lanes(synapse, neuron)


def fits(estimate: Estimate) -> bool:
    """Whether a design fits its device, with the room that routing needs."""
    return _fill(estimate.target, estimate.cells.total) <= 1
