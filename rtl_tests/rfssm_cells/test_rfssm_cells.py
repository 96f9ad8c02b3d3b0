from pathlib import Path

import numpy as np
import pytest
from networks import (
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
from simulation import check

from rfssm.hls.design import Lanes
from rfssm.quant.arithmetic import ROUNDINGS

pytestmark = pytest.mark.rtl
RENAMED = {"N": "N_OUT", "LANES": "NEURON_LANES"}
ELSEWHERE = (
    "N_IN", "N_OUT", "SYNAPSE_LANES", "NEURON_LANES", "VALUE_W", "VALUE_SIGNED", "OUT_W", "SKIP",
    "WEIGHT_W", "WEIGHTS",
)  # fmt: skip


def run(seed: int, folder: Path, *corners: str, lanes: Lanes, state_ram: int = 0, **fields: object):
    rng = np.random.default_rng(seed)
    layer = spiking(rng, 5, **fields)
    net = network([layer, readout(rng, layer["header"]["neurons"])], bits=4, signed=True)
    chosen = samples(net, seed)
    require(layer_corners(net.layers[0], chosen), *corners)
    described = write(Case(net, chosen, lanes), folder).layers[0]
    parameters = {name: x for name, x in described.items() if name not in ELSEWHERE}
    parameters |= {name: described[of] for name, of in RENAMED.items()}
    parameters["STATE_RAM"] = state_ram
    check("rfssm_cells", "rfssm_cells.rfssm_cells_tb", folder, parameters=parameters)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("state_ram", [0, 1])
def test_exact_ties_in_both_memories(rounding: str, state_ram: int, tmp_path: Path) -> None:
    halves = np.random.default_rng(1).integers(-2, 3, (6, 2, 2))  # -1 to 1 in steps of a half
    chosen = {"transition": halves, "transition_frac": 1, "rounding": rounding}
    run(31, tmp_path, *TIES, lanes=Lanes(2, 2), state_ram=state_ram, **chosen)


@pytest.mark.parametrize("complex_input", [False, True])
def test_both_ends_with_bias_and_reset(complex_input: bool, tmp_path: Path) -> None:
    run(
        32,
        tmp_path,
        "low end",
        "high end",
        "spikes",
        lanes=Lanes(4, 4),
        neurons=6,
        state_bits=7,
        bias_bits=7,
        complex_input=complex_input,
        reset=np.random.default_rng(2).integers(-60, 60, (6, 2)),
    )


def test_a_state_at_the_threshold_is_silent_and_one_above_spikes(tmp_path: Path) -> None:
    rng = np.random.default_rng(33)
    net = network([spiking(rng, 5), readout(rng, 6)], bits=4, signed=True)
    threshold = at_threshold(net, samples(net, 33))
    corners = ("at the threshold", "one above the threshold", "spikes")
    run(33, tmp_path, *corners, lanes=Lanes(2, 2), threshold=threshold)


@pytest.mark.parametrize(("neurons", "lanes"), [(1, 1), (9, 1), (13, 8), (20, 2)])
def test_any_number_of_neurons_and_lanes(neurons: int, lanes: int, tmp_path: Path) -> None:
    run(34, tmp_path, "silent steps", lanes=Lanes(lanes, lanes), neurons=neurons)


@pytest.mark.parametrize(("frac", "bits"), [(0, 4), (32, 8), (30, 32)])
def test_extreme_fractions(frac: int, bits: int, tmp_path: Path) -> None:
    low = -(1 << (bits - 1))
    entries = np.random.default_rng(3).integers(low, -low, (6, 2, 2))
    chosen = {"transition": entries, "transition_bits": bits, "transition_frac": frac}
    run(35, tmp_path, lanes=Lanes(2, 2), state_bits=32 if bits == 32 else 9, **chosen)
