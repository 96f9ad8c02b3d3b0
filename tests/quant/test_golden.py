"""Corners of the golden model that random networks hardly ever meet."""

import numpy as np
from rtl_cases import network

from rfssm.quant import golden


def test_a_sum_of_products_beyond_63_bits_is_exact() -> None:
    low, high = -(1 << 31), (1 << 31) - 1
    widest = {"state_bits": 32, "transition_bits": 32, "weight_bits": 16, "guard_bits": 16}
    weight = np.full((6, 5), -(1 << 15))
    net = network(
        [{**widest, "transition_frac": 30}],
        tensors={
            "layers.0.weight_u": weight,
            "layers.0.weight_v": weight,
            "layers.0.transition": np.full((6, 2, 2), low),
        },
    )
    x = np.zeros((1, 2, 5), dtype=np.int64)
    x[0, 0] = 1
    _, u, v = golden.run_spiking(net.layers[0], x)
    for state in (u, v):
        assert (state[0, 0] == low).all()
        assert (state[0, 1] == high).all()  # 2 * 2^31 * 2^31 = 2^63, which int64 does not hold
