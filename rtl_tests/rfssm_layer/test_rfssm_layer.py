from collections.abc import Callable
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
from simulation import check

from rfssm.hls.design import Lanes
from rfssm.quant.arithmetic import ROUNDINGS

pytestmark = pytest.mark.rtl


def run(case: Case, folder: Path, bench: str = "rfssm_layer_tb", only: str | None = None) -> None:
    """The first layer of a case as the module under test."""
    parameters = {**write(case, folder).layers[0], **case.parameters}
    check("rfssm_layer", f"rfssm_layer.{bench}", folder, parameters=parameters, only=only)


def lone(seed: int, *, bits: int = 1, signed: bool = False, inputs: int = 5, **fields: object):
    """A network of one spiking layer with the given fields, and samples."""
    rng = np.random.default_rng(seed)
    layer = spiking(rng, inputs, **fields)
    net = network(
        [layer, readout(rng, layer["header"]["neurons"])], bits=bits, signed=signed, steps_max=40
    )
    return net, samples(net, seed)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_exact_ties_round_as_the_mode_says(rounding: str, tmp_path: Path) -> None:
    halves = np.random.default_rng(1).integers(-2, 3, (6, 2, 2))  # -1 to 1 in steps of a half
    net, chosen = lone(
        1, bits=3, signed=True, transition=halves, transition_frac=1, rounding=rounding
    )
    require(layer_corners(net.layers[0], chosen), *TIES)
    run(Case(net, chosen), tmp_path)


def test_a_state_at_the_threshold_is_silent_and_one_above_spikes(tmp_path: Path) -> None:
    net, chosen = lone(2, bits=2, threshold=np.full(6, 255))
    net, chosen = lone(2, bits=2, threshold=at_threshold(net, chosen))
    seen = layer_corners(net.layers[0], chosen)
    require(seen, "at the threshold", "one above the threshold", "spikes")
    run(Case(net, chosen), tmp_path)


def test_states_saturate_at_both_ends(tmp_path: Path) -> None:
    net, chosen = lone(3, bits=4, signed=True, state_bits=6, guard_bits=2, bias_bits=6)
    require(layer_corners(net.layers[0], chosen), "low end", "high end", "spikes")
    run(Case(net, chosen), tmp_path)


def test_wrap_keeps_the_low_bits(tmp_path: Path) -> None:
    net, chosen = lone(4, bits=4, signed=True, state_bits=6, guard_bits=2)
    require(layer_corners(net.layers[0], chosen), "low end", "high end")  # so WRAP would act
    run(Case(net, chosen, parameters={"SATURATE": 0}), tmp_path)


def test_silent_steps_and_samples_of_one_step(tmp_path: Path) -> None:
    net, chosen = lone(5, bias_bits=6)
    seen = layer_corners(net.layers[0], chosen)
    require(seen, "silent steps", "1-step samples", "silent samples", "spikes")
    run(Case(net, chosen), tmp_path)


@pytest.mark.parametrize("inputs", [1, 5])
@pytest.mark.parametrize("neurons", [1, 6])
def test_one_neuron_and_one_channel(inputs: int, neurons: int, tmp_path: Path) -> None:
    net, chosen = lone(6, bits=3, inputs=inputs, neurons=neurons, threshold=np.full(neurons, 5))
    run(Case(net, chosen, Lanes(1, 1)), tmp_path)


@pytest.mark.parametrize(("bits", "signed"), [(1, False), (1, True), (3, False), (4, True)])
def test_skip_adds_the_input_to_the_spikes(bits: int, signed: bool, tmp_path: Path) -> None:
    net, chosen = lone(7, bits=bits, signed=signed, inputs=6, skip=True, threshold=np.full(6, 2))
    require(layer_corners(net.layers[0], chosen), "spikes", "silent steps")
    run(Case(net, chosen), tmp_path)


LANE_CHOICES = [(1, 1), (4, 1), (2, 2), (16, 4), (16, 16), (8, 8)]


@pytest.mark.parametrize(("synapse", "neuron"), LANE_CHOICES)
def test_neurons_that_are_no_multiple_of_the_lanes(
    synapse: int, neuron: int, tmp_path: Path
) -> None:
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
    run(Case(net, chosen, Lanes(synapse, neuron)), tmp_path)


@pytest.mark.parametrize("reset", [False, True])
def test_states_in_block_memory(reset: bool, tmp_path: Path) -> None:
    net, chosen = lone(9, bits=2, neurons=9, reset=np.full((9, 2), -20 * reset))
    run(Case(net, chosen, LANES, {"STATE_RAM": 1}), tmp_path)


@pytest.mark.parametrize("seed", range(8))
def test_random_layers(seed: int, tmp_path: Path) -> None:
    case = random_case(1000 + seed, Size(width=14, steps=12, samples=4, depth=1))
    while not case.network().layers:
        case = random_case(case.seed + 100, Size(width=14, steps=12, samples=4, depth=1))
    run(Case(case.network(), case.samples(), case.lanes()), tmp_path)


def never_spiking(neurons: int, skip: bool = False) -> Callable[[], tuple]:
    return lone(
        10,
        inputs=neurons if skip else 32,
        neurons=neurons,
        skip=skip,
        threshold=np.full(neurons, 255),
    )


@pytest.mark.parametrize(
    ("neurons", "synapse", "neuron"), [(32, 8, 2), (32, 32, 4), (20, 4, 4), (64, 16, 2), (5, 1, 1)]
)
def test_cycles_per_step_and_latency_are_as_the_header_claims(
    neurons: int, synapse: int, neuron: int, tmp_path: Path
) -> None:
    case = Case(*never_spiking(neurons), Lanes(synapse, neuron))
    run(case, tmp_path, "layer_cycles_tb", "formula|latency")


@pytest.mark.parametrize(("synapse", "neuron"), [(8, 2), (4, 4)])
def test_cycles_per_step_where_every_neuron_spikes(
    synapse: int, neuron: int, tmp_path: Path
) -> None:
    never_low = lone(10, inputs=5, neurons=20, threshold=np.full(20, -256), weight_bits=2)
    run(Case(*never_low, Lanes(synapse, neuron)), tmp_path, "layer_cycles_tb", "leave")


def test_latency_with_skip_is_as_the_header_claims(tmp_path: Path) -> None:
    run(Case(*never_spiking(16, skip=True), Lanes(4, 2)), tmp_path, "layer_cycles_tb", "latency")
