from itertools import product
from pathlib import Path

import numpy as np
import pytest
from networks import (
    LANES,
    TIES,
    Case,
    at_threshold,
    layer_corners,
    network,
    readout,
    require,
    samples,
    spiking,
    write,
)
from random_networks import Size, random_case
from simulation import check_cases

from rfssm.hls.design import Lanes
from rfssm.quant.arithmetic import ROUNDINGS

pytestmark = pytest.mark.rtl


def run(
    folder: Path, bench: str = "rfssm_layer_tb", only: str | None = None, **cases: Case
) -> None:
    """The first layers of the cases as the modules under test."""
    parameters = {
        name: {**write(case, folder / name).layers[0], **case.parameters}
        for name, case in cases.items()
    }
    check_cases("rfssm_layer", f"rfssm_layer.{bench}", folder, parameters, only=only)


def lone(seed: int, *, bits: int = 1, signed: bool = False, inputs: int = 5, **fields: object):
    """A network of one spiking layer with the given fields, and samples."""
    rng = np.random.default_rng(seed)
    layer = spiking(rng, inputs, **fields)
    net = network(
        [layer, readout(rng, layer["header"]["neurons"])], bits=bits, signed=signed, steps_max=40
    )
    return net, samples(net, seed)


def test_exact_ties_round_as_the_mode_says(tmp_path: Path) -> None:
    halves = np.random.default_rng(1).integers(-2, 3, (6, 2, 2))  # -1 to 1 in steps of a half
    cases = {}
    for rounding in ROUNDINGS:
        net, chosen = lone(
            1, bits=3, signed=True, transition=halves, transition_frac=1, rounding=rounding
        )
        require(layer_corners(net.layers[0], chosen), *TIES)
        cases[rounding] = Case(net, chosen)
    run(tmp_path, **cases)


def at_and_above_the_threshold() -> Case:
    """States at the threshold are silent, and one above spike."""
    net, chosen = lone(2, bits=2, threshold=np.full(6, 255))
    net, chosen = lone(2, bits=2, threshold=at_threshold(net, chosen))
    seen = layer_corners(net.layers[0], chosen)
    require(seen, "at the threshold", "one above the threshold", "spikes")
    return Case(net, chosen)


def both_ends() -> Case:
    """States saturate."""
    net, chosen = lone(3, bits=4, signed=True, state_bits=6, guard_bits=2, bias_bits=6)
    require(layer_corners(net.layers[0], chosen), "low end", "high end", "spikes")
    return Case(net, chosen)


def wrap() -> Case:
    """States keep their low bits."""
    net, chosen = lone(4, bits=4, signed=True, state_bits=6, guard_bits=2)
    require(layer_corners(net.layers[0], chosen), "low end", "high end")  # so WRAP would act
    return Case(net, chosen, parameters={"SATURATE": 0})


def silence() -> Case:
    """Silent steps, samples of one step."""
    net, chosen = lone(5, bias_bits=6)
    seen = layer_corners(net.layers[0], chosen)
    require(seen, "silent steps", "1-step samples", "silent samples", "spikes")
    return Case(net, chosen)


def test_corners(tmp_path: Path) -> None:
    cases = (at_and_above_the_threshold, both_ends, wrap, silence)
    run(tmp_path, **{case.__name__: case() for case in cases})


def test_one_neuron_and_one_channel(tmp_path: Path) -> None:
    cases = {}
    for neurons, inputs in product((1, 6), (1, 5)):
        threshold = np.full(neurons, 5)
        chosen = lone(6, bits=3, inputs=inputs, neurons=neurons, threshold=threshold)
        cases[f"neurons{neurons}_inputs{inputs}"] = Case(*chosen, Lanes(1, 1))
    run(tmp_path, **cases)


def test_skip_adds_the_input_to_the_spikes(tmp_path: Path) -> None:
    cases = {}
    for bits, signed in ((1, False), (1, True), (3, False), (4, True)):
        threshold = np.full(6, 2)
        net, chosen = lone(7, bits=bits, signed=signed, inputs=6, skip=True, threshold=threshold)
        require(layer_corners(net.layers[0], chosen), "spikes", "silent steps")
        cases[f"bits{bits}_signed{signed}"] = Case(net, chosen)
    run(tmp_path, **cases)


def test_neurons_that_are_no_multiple_of_the_lanes(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    net, chosen = lone(
        8,
        bits=2,
        neurons=13,
        bias_bits=5,
        reset=rng.integers(-40, 40, (13, 2)),
        transition=rng.integers(-70, 70, (13, 2, 2)),
        threshold=np.full(13, -1),
    )
    require(layer_corners(net.layers[0], chosen), "spikes")
    lanes = [(1, 1), (4, 1), (2, 2), (16, 4), (16, 16), (8, 8)]
    run(tmp_path, **{f"lanes{s}_{n}": Case(net, chosen, Lanes(s, n)) for s, n in lanes})


def test_states_in_block_memory(tmp_path: Path) -> None:
    cases = {}
    for reset in (0, -20):
        chosen = lone(9, bits=2, neurons=9, reset=np.full((9, 2), reset))
        cases[f"reset{-reset}"] = Case(*chosen, LANES, {"STATE_RAM": 1})
    run(tmp_path, **cases)


def test_random_layers(tmp_path: Path) -> None:
    cases = {}
    for seed in range(1000, 1008):
        case = random_case(seed, Size(width=14, steps=12, samples=4, depth=1))
        while not case.network().layers:
            case = random_case(case.seed + 100, Size(width=14, steps=12, samples=4, depth=1))
        cases[f"seed{seed}"] = Case(case.network(), case.samples(), case.lanes())
    run(tmp_path, **cases)


def never_spiking(neurons: int, skip: bool = False):
    return lone(
        10,
        inputs=neurons if skip else 32,
        neurons=neurons,
        skip=skip,
        threshold=np.full(neurons, 255),
    )


def test_cycles_per_step_and_latency_are_as_the_header_claims(tmp_path: Path) -> None:
    sizes = [(32, 8, 2), (32, 32, 4), (20, 4, 4), (64, 16, 2), (5, 1, 1)]
    cases = {
        f"neurons{neurons}_lanes{synapse}_{neuron}": Case(
            *never_spiking(neurons), Lanes(synapse, neuron)
        )
        for neurons, synapse, neuron in sizes
    }
    run(tmp_path, "layer_cycles_tb", "formula|latency", **cases)


def test_cycles_per_step_where_every_neuron_spikes(tmp_path: Path) -> None:
    never_low = lone(10, inputs=5, neurons=20, threshold=np.full(20, -256), weight_bits=2)
    cases = {f"lanes{s}_{n}": Case(*never_low, Lanes(s, n)) for s, n in [(8, 2), (4, 4)]}
    run(tmp_path, "layer_cycles_tb", "leave", **cases)


def test_latency_with_skip_is_as_the_header_claims(tmp_path: Path) -> None:
    case = Case(*never_spiking(16, skip=True), Lanes(4, 2))
    run(tmp_path, "layer_cycles_tb", "latency", skip=case)
