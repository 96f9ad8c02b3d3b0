"""Find the lanes with which a network is fastest within a device, by the estimate.

A layer's lanes determine its cells and its cycles in each step independently of the other layers;
the network takes as long as its slowest layer.  For every pace, the smallest lanes of each layer
that keep the pace are found; the fastest pace that fits is then improved one layer at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rfssm.errors import HardwareError
from rfssm.hls.design import LOOP, Design, Lanes, check_design
from rfssm.hls.estimate import area
from rfssm.hls.estimate.cycle_model import Activity
from rfssm.hls.estimate.estimate import Estimate, check_target, fmax_mhz
from rfssm.hls.synthesis import targets
from rfssm.hls.synthesis.netlist_cells import Cells
from rfssm.hls.synthesis.targets import TARGETS, Target
from rfssm.quant.network import IntegerNetwork, check_network

_MAX_LOGIC_SHARE = 0.7
"""The share of look-up tables and flip-flops that a design may use: packing adds a fifth, and an
almost full device cannot be routed.  All memories and multipliers may be used."""


@dataclass(frozen=True)
class _Option:
    """A choice of lanes for one layer, with the cells and the cycles of each step    [steps]."""

    lanes: Lanes
    cells: Cells
    cycles: NDArray[np.int64]


def fit_lanes(
    network: IntegerNetwork, target: Target, activity: Activity, *, speed: str | None = None
) -> tuple[Lanes, ...]:
    """Return the lanes of each layer, the readout last, with the lowest latency within a device.

    Among equally fast lanes the smallest are chosen.  Raises HardwareError if even the fewest lanes
    do not fit, or for a family without an estimate.
    """
    check_network(network)
    check_target(target)
    grade = target.speed(speed)
    assert grade is not None
    common, options = _options(network, target.family, activity, sensible_lanes)

    def total(choice: Sequence[_Option]) -> Cells:
        return sum((option.cells for option in choice), common)

    def cost(choice: Sequence[_Option]) -> tuple[float, float]:
        """Return the relative latency and the fill."""
        slowest = np.maximum.reduce([option.cycles for option in choice]).mean()
        cells = total(choice)
        return float(slowest) / fmax_mhz(network, target, grade, cells), _fill(target, cells)

    best = _least(target, common, options)
    if _fill(target, total(best)) > 1:
        options = _options(network, target.family, activity, _every_lanes)[1]
        best = _least(target, common, options)
    if _fill(target, total(best)) > 1:
        raise _nothing_fits(network, target, best, total(best))
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
    """Yield the choices that differ in one layer."""
    for i, layer in enumerate(options):
        for option in layer:
            if option is not choice[i]:
                yield [*choice[:i], option, *choice[i + 1 :]]


def _fill(target: Target, cells: Cells) -> float:
    """Return the fullest resource's use as a share of what may be used; above 1 it does not fit."""
    needs = target.needs(cells)
    shares = []
    for resource in target.resources:
        usable = _MAX_LOGIC_SHARE if resource in (target.logic, target.ff) else 1.0
        shares.append(needs[resource.name] / (usable * resource.count))
    return max(shares)


def _options(
    network: IntegerNetwork,
    family: str,
    activity: Activity | None,
    lanes_of: Callable[[int], Iterator[Lanes]],
) -> tuple[Cells, list[list[_Option]]]:
    """Return the cells of the ends of the streams, and the options of each layer.

    activity    events for which cycles are counted; without it each sweep alone is counted
    lanes_of    returns the lanes that a layer with a number of neurons can have
    """
    layers = network.all_layers
    events: list[NDArray[np.int64]] = [np.zeros(1, dtype=np.int64)] * len(layers)
    if activity is not None:
        events = [values[activity.live].sum(axis=1) for values in activity.values]
    options: list[list[_Option]] = [[] for _ in layers]
    common = Cells()
    allowed = [set(lanes_of(layer.outputs)) for layer in layers]
    allowed[-1] = {lanes for lanes in allowed[-1] if lanes.neuron == 1}  # one class per cycle
    for lanes in set().union(*allowed):
        design = Design.of(network, lanes)
        rows = area.rows(design, family)
        common = rows["source"] + rows["sink"]
        for i, layer in enumerate(layers):
            if lanes not in allowed[i]:
                continue
            prefix = f"layer{i}" if i < len(network.layers) else "readout"
            own = [cells for name, cells in rows.items() if name.split(".")[0] == prefix]
            sweep = max(-(-layer.outputs // design.lanes[i].neuron), LOOP)
            words = -(-layer.outputs // design.lanes[i].synapse)
            option = _Option(
                design.lanes[i], sum(own, Cells()), np.maximum(events[i] * words, sweep)
            )
            options[i].append(option)
    for layer_options in options:
        layer_options.sort(key=lambda option: (option.lanes.neuron, option.lanes.synapse))
    return common, options


def _least(target: Target, common: Cells, options: Sequence[Sequence[_Option]]) -> list[_Option]:
    """Return the choice that fills a device least.

    One layer may need the resource that another one saves, so no layer is judged alone: of the
    choices for the first layers, all that no other choice undercuts in every resource are kept.
    """
    kept: list[tuple[Cells, tuple[_Option, ...]]] = [(common, ())]
    for layer in options:
        more = [
            (cells + option.cells, (*chosen, option)) for cells, chosen in kept for option in layer
        ]
        needs = np.array([list(target.needs(cells).values()) for cells, _ in more])
        kept = [more[k] for k in _not_undercut(needs)]

    def size(choice: tuple[Cells, tuple[_Option, ...]]) -> tuple[float, int]:
        return _fill(target, choice[0]), sum(target.needs(choice[0]).values())

    return list(min(kept, key=size)[1])


def _not_undercut(needs: NDArray[np.int64]) -> list[int]:
    """Return the rows that no other row undercuts in every column; of equal rows the first."""
    front: list[int] = []
    for k in np.lexsort(needs.T[::-1]):  # rows that undercut a row come before it
        if not (needs[front] <= needs[k]).all(axis=1).any():
            front.append(int(k))
    return front


def check_blocks(design: Design, target: Target) -> None:
    """Raise HardwareError if a design needs more multipliers or memories than a device has.

    Both are counted from formulas (``area.blocks``) in milliseconds; logic is not counted.  The
    error names the resources that are short, the fewest lanes that fit or a device that is large
    enough.
    """
    check_design(design)
    targets.check_target(target)
    counted = area.blocks(design, target.family)
    if counted is None or not (short := target.short(counted)):
        return
    network = design.network
    widest = max(layer.outputs for layer in network.all_layers)
    alike = (Design.of(network, lanes) for lanes in sensible_lanes(widest))
    fewer = next((smaller.lanes for smaller in alike if _holds(target, smaller)), None)
    if fewer is None:
        best, total = _least_of_all(network, target)
        if _fill(target, total) > 1:
            raise _nothing_fits(network, target, best, total)
        fewer = tuple(option.lanes for option in best)
    raise HardwareError(
        f"the design does not fit {target.name}: it needs {short}; choose fewer lanes (the fewest "
        f"whose blocks fit: {_flags(network, fewer)}){target.or_larger(target.needs(counted))}"
    )


def _nothing_fits(
    network: IntegerNetwork, target: Target, best: Sequence[_Option], total: Cells
) -> HardwareError:
    """Return the error for a network that no lanes fit into a device, not even the ``best``.

    A larger device is named if some lanes fit there.
    """
    short = target.short(total)
    logic = f"more than the {_MAX_LOGIC_SHARE:.0%} of its logic that can be routed"
    larger = (
        other.name
        for other in TARGETS.values()
        if other.placed and other.room > target.room and _takes(other, network)
    )
    large = next(larger, None)
    lanes = _flags(network, tuple(option.lanes for option in best))
    return HardwareError(
        f"no lanes fit {network.name!r} into {target.name}: the smallest design, with "
        f"{lanes}, needs {short or logic}; choose a network with fewer layers, "
        "neurons or bits" + (f", or target {large}" if large else "")
    )


def _flags(network: IntegerNetwork, lanes: tuple[Lanes, ...]) -> str:
    """Return the command line's options for lanes of each layer, as one number each if possible."""
    each = [(one.synapse, one.neuron) for one in lanes]
    most = Lanes(*map(max, zip(*each, strict=True)))
    if Design.of(network, most).lanes == lanes:
        each = [(most.synapse, most.neuron)]
    synapses, neurons = (",".join(map(str, numbers)) for numbers in zip(*each, strict=True))
    return f"--synapse-lanes {synapses} --neuron-lanes {neurons}"


def _takes(target: Target, network: IntegerNetwork) -> bool:
    """Whether some lanes fit a network into a device."""
    return _fill(target, _least_of_all(network, target)[1]) <= 1


def _least_of_all(network: IntegerNetwork, target: Target) -> tuple[list[_Option], Cells]:
    """Return the options that fill a device least, of all possible lanes, and their cells."""
    common, options = _options_of_all(network, target.family)
    best = _least(target, common, options)
    return best, sum((option.cells for option in best), common)


@lru_cache(maxsize=4)
def _options_of_all(network: IntegerNetwork, family: str) -> tuple[Cells, list[list[_Option]]]:
    """Return all possible lanes with their cells, which are the same for a family's devices."""
    return _options(network, family, None, _every_lanes)


def _holds(target: Target, design: Design) -> bool:
    """Whether a device has the blocks of a design, and on an ECP5 also the estimated logic."""
    total = sum(area.rows(design, target.family).values(), Cells())
    return _fill(target, total) <= 1


def _every_lanes(n: int) -> Iterator[Lanes]:
    """Yield all lanes that a layer of n neurons can have."""
    powers = [1 << k for k in range((n - 1).bit_length() + 1)]
    yield from (
        Lanes(synapse, neuron) for neuron in powers for synapse in powers if synapse >= neuron
    )


def sensible_lanes(n: int) -> Iterator[Lanes]:
    """Yield the lanes that are worthwhile for a layer of n neurons, narrow ones first.

    There are at most as many neuron lanes as a sweep can use.  The synapse lanes are at most a
    fourth of the row, or the whole row: half a row costs more than a whole one, which needs no
    memory for its currents.
    """
    row = 1 << (n - 1).bit_length()
    powers = [1 << k for k in range(row.bit_length())]
    for neuron in powers:
        if neuron == 1 or neuron * LOOP <= n:
            for synapse in powers:
                if synapse >= neuron and (synapse * 4 <= n or synapse == row):
                    yield Lanes(synapse, neuron)


def fits(estimate: Estimate) -> bool:
    """Whether a design fits its device and leaves the room that routing needs."""
    return _fill(estimate.target, estimate.cells.total) <= 1
