"""Trained networks as netlists of every family that can be placed: equal to golden in all they do.

Random networks do not show everything: their sums are small.  ``make netlists`` does the same with
every recipe.
"""

from __future__ import annotations

import pytest
from netlists import FAMILIES, SHORT, trained

from rfssm.hls.design import Lanes
from rfssm.hls.engines import netlist
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.recipes import load_recipe
from rfssm.quant.samples import Samples, compare

pytestmark = pytest.mark.rtl


@pytest.fixture(scope="module")
def digits() -> tuple[IntegerNetwork, Samples]:
    """Sums of products of 33 bits, and a readout's state that is wider than a multiplier block."""
    network, samples = trained(load_recipe("digits", (*SHORT, "network.neurons=[32]")))
    return network, samples[:5]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_trained_network_s_netlist_equals_golden(
    family: str, digits: tuple[IntegerNetwork, Samples]
) -> None:
    network, samples = digits
    expected = golden.run(network, samples, spikes=True, states=True)
    got = netlist.run(network, samples, cells=family, spikes=True, states=True, lanes=Lanes(1, 1))
    assert compare(expected, got) == []
