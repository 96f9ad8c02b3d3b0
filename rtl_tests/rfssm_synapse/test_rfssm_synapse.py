from pathlib import Path

import numpy as np
import pytest
from networks import Case, network, readout, samples, spiking, write
from simulation import check_cases

from rfssm.hls.design import Lanes

pytestmark = pytest.mark.rtl
RENAMED = {"LANES": "SYNAPSE_LANES", "READ_LANES": "NEURON_LANES"}
SAME = ("N_IN", "N_OUT", "VALUE_W", "VALUE_SIGNED", "WEIGHT_W", "COMPLEX", "CURRENT_W", "WEIGHTS")


CASES = [
    (5, 13, 1, False, True, (4, 2)),
    (5, 13, 4, True, False, (16, 4)),  # a whole row per cycle, one of four groups read
    (7, 16, 1, True, True, (16, 16)),
    (1, 1, 3, False, True, (1, 1)),
    (6, 20, 2, False, False, (2, 2)),
    (3, 40, 8, True, True, (64, 2)),
]


def test_currents(tmp_path: Path) -> None:
    cases = {}
    for inputs, neurons, bits, signed, is_complex, lanes in CASES:
        name = f"inputs{inputs}_neurons{neurons}_bits{bits}"
        rng = np.random.default_rng(21)
        layer = spiking(rng, inputs, neurons, complex_input=is_complex)
        net = network([layer, readout(rng, neurons)], bits=bits, signed=signed)
        layer = write(Case(net, samples(net, 21), Lanes(*lanes)), tmp_path / name).layers[0]
        cases[name] = {key: layer[key] for key in SAME}
        cases[name] |= {key: layer[of] for key, of in RENAMED.items()}
    check_cases("rfssm_synapse", "rfssm_synapse.rfssm_synapse_tb", tmp_path, cases)
