from pathlib import Path

import numpy as np
import torch

from rfssm.model.network import build
from rfssm.model.recipe import NetworkConfig, S5RFConfig
from rfssm.quant.freeze import freeze
from rfssm.quant.layers import InputSpec
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.qat import QATNetwork
from rfssm.quant.recipe import QuantizationConfig


def network(frac: int = 0, guard_bits: int = 2) -> QATNetwork:
    spec = InputSpec(channels=3, bits=4, signed=False, frac=frac, steps_max=100)
    config = NetworkConfig(neurons=(8, 8), cell=S5RFConfig(step_min=0.02))
    real = build(config, 3, 4, torch.Generator().manual_seed(0), 2.0**-frac)
    return QATNetwork(real, QuantizationConfig(guard_bits=guard_bits), spec)


def test_frozen_network_survives_saving_and_loading(tmp_path: Path) -> None:
    provenance = {"recipe": "none", "seed": 0}
    frozen = freeze(network(), name="small", labels=["a", "b", "c", "d"], provenance=provenance)
    frozen.save(tmp_path / "network.safetensors")
    loaded = IntegerNetwork.load(tmp_path / "network.safetensors")
    assert loaded.metadata() == frozen.metadata()
    assert loaded.metadata()["provenance"] == provenance
    for name, tensor in frozen.tensors().items():
        assert np.array_equal(loaded.tensors()[name], tensor)


def test_freezing_twice_gives_the_same_network_and_changes_nothing() -> None:
    trained = network()
    before = {name: p.clone() for name, p in trained.state_dict().items()}
    assert freeze(trained, name="a").digest() == freeze(trained, name="b").digest()
    for name, value in trained.state_dict().items():
        assert torch.equal(value, before[name])


def test_frozen_network_outlives_a_state_dict_loaded_with_weights_only(tmp_path: Path) -> None:
    trained = network()
    torch.save(trained.state_dict(), tmp_path / "a.pt")
    other = network()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1.0)
    assert freeze(other, name="a").digest() != freeze(trained, name="a").digest()
    other.load_state_dict(torch.load(tmp_path / "a.pt", weights_only=True))
    assert freeze(other, name="a").digest() == freeze(trained, name="a").digest()


def test_threshold_times_scale_is_the_real_threshold() -> None:
    for frac, guard_bits in ((0, 2), (4, 2), (4, 0)):
        for layer in freeze(network(frac, guard_bits), name="a").layers:
            lsb = layer.scale * 2.0**-guard_bits
            assert (layer.threshold * lsb <= 1).all()
            assert ((layer.threshold + 1) * lsb > 1).all()


def test_scale_is_the_value_of_one_lsb_of_the_current() -> None:
    trained = network(frac=4)
    layer = trained.spiking()[0]
    frozen = freeze(trained, name="a").layers[0]
    gain = layer.cell.gain().detach().numpy()[:, None]
    real = layer.rows().detach().double().numpy() * gain
    integers = np.concatenate([frozen.weight_u, frozen.weight_v], 1)
    assert np.abs(integers * frozen.scale[:, None] * 2**4 - real).max() <= (
        0.5 * frozen.scale.max() * 2**4 * (1 + 1e-9)
    )


def test_score_bits_hold_the_sum_over_every_step() -> None:
    readout = freeze(network(), name="a").readout
    assert readout.score == "sum"
    assert readout.score_bits == readout.state_bits + 7  # 100 steps


def test_transition_is_a_rotation_with_every_entry_toward_zero() -> None:
    trained = network()
    for layer, frozen in zip(trained.spiking(), freeze(trained, name="a").layers, strict=True):
        (a, minus_b), (b, a_again) = frozen.transition.transpose(1, 2, 0)
        assert np.array_equal(a, a_again)
        assert np.array_equal(b, -minus_b)
        real = layer.cell.transition().detach().numpy()[:, :, 0].T * 2**14
        assert np.array_equal(np.trunc(real), np.stack([a, b]))
