from itertools import product
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
from simulation import check_cases

from rfssm.hls.design import Lanes
from rfssm.quant.arithmetic import ROUNDINGS

pytestmark = pytest.mark.rtl
RENAMED = {"N": "N_OUT", "LANES": "NEURON_LANES"}
ELSEWHERE = (
    "N_IN", "N_OUT", "SYNAPSE_LANES", "NEURON_LANES", "VALUE_W", "VALUE_SIGNED", "OUT_W", "SKIP",
    "WEIGHT_W", "WEIGHTS",
)  # fmt: skip


def case(
    seed: int, folder: Path, *corners: str, lanes: int, state_ram: int = 0, **fields: object
) -> dict[str, int | str]:
    """Parameters of the cells of a layer, whose samples meet the corners."""
    rng = np.random.default_rng(seed)
    layer = spiking(rng, 5, **fields)
    net = network([layer, readout(rng, layer["header"]["neurons"])], bits=4, signed=True)
    chosen = samples(net, seed)
    require(layer_corners(net.layers[0], chosen), *corners)
    described = write(Case(net, chosen, Lanes(lanes, lanes)), folder).layers[0]
    parameters = {name: x for name, x in described.items() if name not in ELSEWHERE}
    parameters |= {name: described[of] for name, of in RENAMED.items()}
    return {**parameters, "STATE_RAM": state_ram}


def run(folder: Path, cases: dict[str, dict[str, int | str]]) -> None:
    check_cases("rfssm_cells", "rfssm_cells.rfssm_cells_tb", folder, cases)


def test_exact_ties_in_both_memories(tmp_path: Path) -> None:
    halves = np.random.default_rng(1).integers(-2, 3, (6, 2, 2))  # -1 to 1 in steps of a half
    cases = {}
    for rounding, ram in product(ROUNDINGS, (0, 1)):
        fields = {"transition": halves, "transition_frac": 1, "rounding": rounding}
        name = f"{rounding}_ram{ram}"
        cases[name] = case(31, tmp_path / name, *TIES, lanes=2, state_ram=ram, **fields)
    run(tmp_path, cases)


def test_both_ends_with_bias_and_reset(tmp_path: Path) -> None:
    cases = {}
    for complex_input in (False, True):
        name = f"complex{complex_input}"
        cases[name] = case(
            32,
            tmp_path / name,
            "low end",
            "high end",
            "spikes",
            lanes=4,
            neurons=6,
            state_bits=7,
            bias_bits=7,
            complex_input=complex_input,
            reset=np.random.default_rng(2).integers(-60, 60, (6, 2)),
        )
    run(tmp_path, cases)


def test_a_state_at_the_threshold_is_silent_and_one_above_spikes(tmp_path: Path) -> None:
    rng = np.random.default_rng(33)
    net = network([spiking(rng, 5), readout(rng, 6)], bits=4, signed=True)
    threshold = at_threshold(net, samples(net, 33))
    corners = ("at the threshold", "one above the threshold", "spikes")
    met = case(33, tmp_path / "met", *corners, lanes=2, threshold=threshold)
    run(tmp_path, {"met": met})


def test_any_number_of_neurons_and_lanes(tmp_path: Path) -> None:
    cases = {}
    for neurons, lanes in ((1, 1), (9, 1), (13, 8), (20, 2)):
        name = f"neurons{neurons}_lanes{lanes}"
        cases[name] = case(34, tmp_path / name, "silent steps", lanes=lanes, neurons=neurons)
    run(tmp_path, cases)


def test_padding_never_spikes_whatever_its_threshold(tmp_path: Path) -> None:
    """Of the last chunk one lane is a neuron; the others have a threshold of -1, below their 0."""
    parameters = case(36, tmp_path / "padded", "spikes", lanes=4, neurons=9)
    file = tmp_path / "padded" / str(parameters["THRESHOLD"])
    *others, last = file.read_text().split()
    width = int(parameters["STATE_W"])
    padding = (1 << 4 * width) - (1 << width)
    file.write_text("\n".join([*others, f"{int(last, 16) | padding:0{len(last)}x}"]) + "\n")
    run(tmp_path, {"padded": parameters})


def test_extreme_fractions(tmp_path: Path) -> None:
    cases = {}
    for frac, bits in ((0, 4), (32, 8), (30, 32)):
        low = -(1 << (bits - 1))
        entries = np.random.default_rng(3).integers(low, -low, (6, 2, 2))
        fields = {"transition": entries, "transition_bits": bits, "transition_frac": frac}
        state_bits = 32 if bits == 32 else 9
        name = f"frac{frac}_bits{bits}"
        cases[name] = case(35, tmp_path / name, lanes=2, state_bits=state_bits, **fields)
    run(tmp_path, cases)
