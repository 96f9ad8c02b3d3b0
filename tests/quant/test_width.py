"""Proved widths: no scale that training chooses lets an input push a state beyond its word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rfssm.errors import NetworkError
from rfssm.model.network import build
from rfssm.model.recipe import NetworkConfig
from rfssm.quant import golden
from rfssm.quant.freeze import freeze
from rfssm.quant.layers import InputSpec
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.qat import RESOLUTION, QATNetwork, ScaleFloorWarning
from rfssm.quant.qat import scale as width
from rfssm.quant.qat.scale import worst_case
from rfssm.quant.ranges.reach import reachable_range
from rfssm.quant.recipe import QuantizationConfig, Recipe, parse_recipe
from rfssm.quant.run import train
from rfssm.quant.samples import Samples

from .test_qat import assert_is_the_contract, random_samples

SPIKES = InputSpec(channels=6, bits=1, signed=False, frac=0, steps_max=60)
WORDS = InputSpec(channels=6, bits=5, signed=True, frac=3, steps_max=60)
CELLS: dict[str, dict[str, Any]] = {
    "s5rf": {"cell": {"model": "s5rf", "step_min": 0.02}},
    "s5rf with bias": {"cell": {"model": "s5rf", "step_min": 0.02}, "bias": True},
    "csilif": {"cell": {"model": "csilif"}},
    "silif": {"cell": {"model": "silif"}, "normalize": True},
    "adlif": {"cell": {"model": "adlif"}, "normalize": True},
    "lif": {"cell": {"model": "lif"}, "bias": True},
}


def network(
    cell: str,
    spec: InputSpec = SPIKES,
    *,
    proved: bool = True,
    neurons: tuple[int, ...] = (16, 16, 16),
    readout: dict[str, Any] | None = None,
    **formats: Any,
) -> QATNetwork:
    """A random network with a skip, large weights, large biases."""
    config = NetworkConfig.model_validate({"neurons": neurons, **CELLS[cell]})
    random = torch.Generator().manual_seed(3)
    real = build(config, spec.channels, 5, random, 2.0**-spec.frac)
    narrow = {"state_bits": 12, "guard_bits": 0, "bias_bits": 10, "proved": proved, **formats}
    ends = {"state_bits": 12, "guard_bits": 1, "bias_bits": 10, "proved": proved, **(readout or {})}
    made = QATNetwork(real, QuantizationConfig.model_validate({**narrow, "readout": ends}), spec)
    samples = random_samples(spec)
    made.calibrate(torch.from_numpy(samples.x).double(), torch.from_numpy(samples.steps), 2.0)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("bias"):
                parameter.copy_(torch.randn(parameter.shape, generator=random))
    return made.eval()


def reachable_bits(frozen: IntegerNetwork) -> list[int]:
    return [reachable_range(frozen, i).bits for i in range(len(frozen.all_layers))]


@pytest.mark.parametrize("spec", [SPIKES, WORDS], ids=["spikes", "words"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_proved_network_is_proved_and_the_contract(cell: str, spec: InputSpec) -> None:
    frozen, _ = assert_is_the_contract(network(cell, spec), random_samples(spec))
    assert max(reachable_bits(frozen)) == 12
    assert frozen.layers[1].skip
    free = freeze(network(cell, spec, proved=False), name="free")
    assert max(reachable_bits(free)[:-1]) > 12
    assert reachable_bits(free)[-1] > 12


@pytest.mark.parametrize(
    "formats",
    [
        {"rounding": "TRN"},
        {"rounding": "TRN_ZERO"},
        {"rounding": "RND_CONV"},
        {"weight_bits": 2, "bias_bits": 4},
        {"weight_bits": 8, "guard_bits": 3, "state_bits": 16, "bias_bits": 16},
        {"transition_bits": 9, "transition_frac": 8, "state_bits": 11},
    ],
    ids=str,
)
@pytest.mark.parametrize("cell", ["s5rf with bias", "silif"])
def test_every_format_can_be_proved(cell: str, formats: dict[str, Any]) -> None:
    frozen = freeze(network(cell, WORDS, **formats), name="proved")
    for layer, bits in zip(frozen.layers, reachable_bits(frozen), strict=False):
        assert bits <= layer.state_bits
    assert any(reachable_bits(frozen)[i] == frozen.layers[i].state_bits for i in range(3))


def test_real_inputs_use_the_width_up() -> None:
    """A scale that grew is tight, but for the step of the search and a reset's rounding."""
    made = network("csilif")
    frozen = freeze(made, name="tight")
    for i, layer in enumerate(made.spiking()):
        reach = reachable_range(frozen, i)
        furthest = torch.from_numpy(abs(reach.maximum).clip(abs(reach.minimum)).max(1))
        scale = layer.integers().scale
        layer.formats = layer.formats.model_copy(update={"proved": False})
        grown = scale > layer.integers().scale
        assert grown.sum() > 4
        assert (furthest[grown] > 0.85 * 2047).all()
        assert (furthest <= 2047).all()


def worst_inputs(frozen: IntegerNetwork) -> Samples:
    """For each neuron of the first layer the inputs that push u, or v, furthest up or down."""
    layer, steps = frozen.layers[0], frozen.input.steps_max
    transition = layer.transition / 2.0**layer.transition_frac
    powers = [np.tile(np.eye(2), (layer.neurons, 1, 1))]
    while len(powers) < steps:
        powers.append(transition @ powers[-1])
    gains = np.stack(powers[::-1], 1)[..., 0].transpose(2, 0, 1)  # state, neuron, step
    push = gains[..., None] * layer.weight_u[:, None]
    x = np.concatenate([push[0] > 0, push[0] < 0, push[1] > 0, push[1] < 0]).astype(np.int64)
    return Samples(x, np.full(len(x), steps))


def test_the_worst_inputs_come_close_and_saturate_nothing() -> None:
    furthest = {}
    for proved in (True, False):
        frozen = freeze(network("csilif", proved=proved), name="attacked")
        outputs = golden.run(frozen, worst_inputs(frozen), states=True)
        assert outputs.u is not None
        assert outputs.v is not None
        furthest[proved] = max(abs(s).max() for s in (*outputs.u, *outputs.v))
    assert 0.7 * 2047 < furthest[True] < 2047
    assert furthest[False] == 2048


def test_samples_longer_than_what_is_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SPIKES.model_copy(update={"steps_max": 2000})
    monkeypatch.setattr(width, "LONGEST", 200)
    bits = reachable_bits(freeze(network("csilif", spec, state_bits=14), name="long"))
    assert max(bits[:-1]) == 14
    monkeypatch.setattr(width, "_later", lambda powers, transition: 0 * transition[:, 0, 0])
    cut = reachable_bits(freeze(network("csilif", spec, state_bits=14), name="cut"))
    assert max(cut[:-1]) > 14


def test_a_neuron_that_forgets_too_slowly_is_named() -> None:
    spec = SPIKES.model_copy(update={"steps_max": 65535})
    made = network("s5rf", spec)
    with torch.no_grad():
        made.spiking()[1].cell.log_damping[5] = -9
    message = r"layers\[1\]: no scale keeps the states of neurons 5 within state_bits = 12"
    with pytest.raises(NetworkError, match=message):
        made.spiking()[1].integers()


def test_a_coarse_network_is_warned_about() -> None:
    made = network("csilif", SPIKES, state_bits=9, bias_bits=8)
    with pytest.warns(ScaleFloorWarning, match=r"layers\[\d\]: the proved width .* below 4 LSBs"):
        made.warn_about_floor()


def test_the_needed_unit_has_the_gradient_of_the_worst_case() -> None:
    random = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float64).requires_grad_()

    def needed(weight: Tensor, matrix: Tensor, reset: Tensor, bias: Tensor) -> Tensor:
        worst = worst_case(
            0.3 * matrix, reset, bias, planes=2, takes=(-2, 3), steps=9, limit=200,
            rounding="RND",
        )  # fmt: skip
        return worst.needed_unit(weight)

    torch.autograd.gradcheck(needed, (draw(3, 2, 4), draw(3, 2, 2), draw(3, 2), draw(2, 3)))


def recipe(proved: bool, overflow_weight: float) -> Recipe:
    return parse_recipe(
        {
            "name": "small",
            "data": {"set": "digits"},
            "network": {"neurons": [16, 16], "cell": {"model": "s5rf", "step_min": 0.1}},
            "quantization": {"state_bits": 10, "guard_bits": 0, "proved": proved},
            "training": {
                "epochs": 3, "batch": 64, "learning_rate": 0.03, "cell_learning_rate": 0.02,
                "overflow_weight": overflow_weight,
            },
        }
    )  # fmt: skip


def trained(folder: Path, proved: bool, overflow_weight: float) -> IntegerNetwork:
    result = train(recipe(proved, overflow_weight), folder, progress=False)
    assert result.network is not None
    assert list(result.summary.reachable_bits) == reachable_bits(result.network)
    assert result.summary.state_bits == (10, 10, 24)
    return result.network


def lost_bits(frozen: IntegerNetwork) -> float:
    """What the penalty is of, from the thresholds that came out."""
    thresholds = np.concatenate([layer.threshold for layer in frozen.layers])
    return float(np.square(np.log2(RESOLUTION / thresholds.clip(1, RESOLUTION))).sum())


@pytest.mark.filterwarnings("ignore::rfssm.quant.qat.ScaleFloorWarning")
def test_training_proves_its_width_and_the_penalty_buys_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pictures take as long as training
    monkeypatch.setattr("rfssm.quant.run._plot", lambda *_: None)
    free = trained(tmp_path / "free", False, 0)
    hard = trained(tmp_path / "hard", True, 0)
    soft = trained(tmp_path / "soft", True, 1)
    assert max(reachable_bits(free)[:2]) > 10
    assert reachable_bits(hard)[:2] == reachable_bits(soft)[:2] == [10, 10]
    assert lost_bits(soft) < 0.5 * lost_bits(hard)
    samples = Samples.load(tmp_path / "soft" / "test.npz")
    outputs = golden.run(soft, samples, states=True)
    assert outputs.u is not None
    assert max(abs(u).max() for u in outputs.u) < 511
