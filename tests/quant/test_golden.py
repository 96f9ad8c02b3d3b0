"""Corners of the golden model that random networks hardly ever meet."""

from itertools import product

import numpy as np
import pytest
from rtl_cases import network

from rfssm.quant import golden


@pytest.mark.parametrize("transition_bits", [30, 31, 32])
def test_the_largest_sum_of_products_is_exact(transition_bits: int) -> None:
    """With 32 bits it is 2 * 2^31 * 2^31 = 2^63, which int64 does not hold; with 31, 2^62."""
    low, high = -(1 << 31), (1 << 31) - 1
    widest = {"state_bits": 32, "weight_bits": 16, "guard_bits": 16}
    least = -(1 << (transition_bits - 1))
    weight = np.full((6, 5), -(1 << 15))
    net = network(
        [{**widest, "transition_bits": transition_bits, "transition_frac": transition_bits - 2}],
        tensors={
            "layers.0.weight_u": weight,
            "layers.0.weight_v": weight,
            "layers.0.transition": np.full((6, 2, 2), least),
        },
    )
    x = np.zeros((1, 2, 5), dtype=np.int64)
    x[0, 0] = 1
    _, u, v = golden.run_spiking(net.layers[0], x)
    for state in (u, v):
        assert (state[0, 0] == low).all()
        assert (state[0, 1] == high).all()


@pytest.mark.parametrize(("bits", "signed"), [(1, False), (3, False), (1, True), (4, True)])
@pytest.mark.parametrize("sign", [-1, 0, 1])
def test_the_word_of_the_currents_holds_every_partial_sum_and_is_the_smallest(
    bits: int, signed: bool, sign: int
) -> None:
    """Against all subsets of all extreme inputs; weights of one sign, or of both."""
    weight = np.random.default_rng(bits + sign).integers(1, 16, (6, 5))
    weight[1] = 0
    if sign < 1:
        weight[:, : 5 if sign else 2] *= -1
    net = network(
        [{"complex_input": False}], bits=bits, signed=signed, tensors={"layers.0.weight_u": weight}
    )
    low, high = net.value_range(0)
    inputs = np.array(list(product((low, 0, high), repeat=5)))
    sums = inputs @ weight.T
    needed = max(2, *(int(k).bit_length() + 1 for k in (sums.max(), ~sums.min())))
    assert net.current_bits(0) == needed
