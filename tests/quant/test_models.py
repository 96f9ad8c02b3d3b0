"""Every neuron model goes the road: QAT network == frozen integers in golden and every engine."""

import functools
from typing import Any

import numpy as np
import pytest
import torch

from rfssm.errors import NetworkError
from rfssm.hls import engines
from rfssm.model.inputs import alive
from rfssm.model.layers import Readout, SpikingLayer
from rfssm.model.modes import dropout_from
from rfssm.model.network import FloatNetwork, build
from rfssm.model.neurons import ADLIF, AdLIFCell, LeakCell
from rfssm.model.recipe import NetworkConfig
from rfssm.quant import golden
from rfssm.quant.freeze import freeze
from rfssm.quant.layers import InputSpec
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.qat import QATNetwork
from rfssm.quant.recipe import QuantizationConfig
from rfssm.quant.samples import Samples, compare

MODELS = ["s5rf", "prf", "silif", "csilif", "cadlif", "adlif", "lif", "rf"]
SPEC = InputSpec(channels=6, bits=2, signed=False, frac=1, steps_max=50)


def samples(count: int = 20) -> Samples:
    random = np.random.default_rng(1)
    x = random.integers(0, 4, (count, 50, 6)) * (random.random((count, 50, 6)) < 0.3)
    steps = random.integers(1, 51, count)
    steps[0] = 50
    x[np.arange(50) >= steps[:, None]] = 0
    return Samples(x, steps)


def trained(model: str, *, formats: dict[str, Any] | None = None, **choices: Any) -> QATNetwork:
    """A small network after two steps of training, batch norm and all."""
    torch.manual_seed(0)
    config = {"neurons": [8, 8, 8], "normalize": model != "s5rf", **choices}
    config.setdefault("cell", {"model": model})
    real = build(NetworkConfig.model_validate(config), 6, 4, torch.Generator().manual_seed(0), 0.5)
    network = QATNetwork(real, QuantizationConfig.model_validate(formats or {}), SPEC)
    data = samples()
    x, steps = torch.from_numpy(data.x).float(), torch.from_numpy(data.steps)
    network.calibrate(x, steps, 1.5)
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(2):
        optimizer.zero_grad()
        activity = network.run(x, steps)
        logits = activity.logits
        if logits.ndim == 3:
            logits = logits[alive(steps, 50)]
        torch.nn.functional.cross_entropy(logits, torch.arange(len(logits)) % 4).backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert bool(parameter.grad.isfinite().all()), name
        optimizer.step()
    return network.eval()


def assert_equal_to_golden(network: QATNetwork, data: Samples) -> IntegerNetwork:
    frozen = freeze(network, name="test")
    expected = golden.run(frozen, data, spikes=True, states=True)
    assert compare(expected, network.outputs(data, spikes=True, states=True)) == []
    assert expected.spikes is not None
    for layer in expected.spikes:
        assert 0.005 < layer.mean() < 0.9
    return frozen


@pytest.mark.parametrize("model", MODELS)
def test_the_network_is_its_integers_under_every_rounding(model: str) -> None:
    for rounding in ("TRN", "TRN_ZERO", "RND", "RND_CONV"):
        formats = {"rounding": rounding, "readout": {"rounding": rounding}}
        frozen = assert_equal_to_golden(trained(model, formats=formats), samples())
        layer = frozen.layers[0]
        assert layer.model == model
        resets = model not in ("s5rf", "prf", "rf")
        assert bool(np.any(layer.reset)) == resets


@functools.cache
def frozen_once(model: str) -> IntegerNetwork:
    return freeze(trained(model), name=model)


@pytest.mark.rtl
@pytest.mark.hls
@pytest.mark.parametrize("engine", ["csim", "verilator", "icarus"])
@pytest.mark.parametrize("model", MODELS)
def test_engines_equal_golden(model: str, engine: str) -> None:
    if (reason := engines.missing(engine)) is not None:
        pytest.skip(reason)
    frozen, data = frozen_once(model), samples(6)
    expected = golden.run(frozen, data, spikes=True, states=True)
    assert compare(expected, engines.run(frozen, data, engine, spikes=True, states=True)) == []


@pytest.mark.parametrize("score", ["sum", "last", "max", "each"])
def test_every_score_can_be_trained(score: str) -> None:
    network = trained("silif", score=score)
    data = samples()
    frozen = assert_equal_to_golden(network, data)
    steps = torch.from_numpy(data.steps)
    logits = network.run(torch.from_numpy(data.x).float(), steps).logits
    label = golden.run(frozen, data).label
    live = alive(steps, 50).numpy() if score == "each" else slice(None)
    assert np.array_equal(logits.argmax(-1).numpy()[live], label[live])


def test_batch_norm_is_folded_before_quantisation() -> None:
    """The integers are those of the same network with the norm multiplied into its weights."""
    network = trained("prf", skips=False)
    other = trained("prf", skips=False, normalize=False, bias=True)
    with torch.no_grad():
        for ours, theirs in zip(other.spiking(), network.spiking(), strict=True):
            assert ours.norm is None
            assert theirs.norm is not None
            scale, shift = theirs.norm.affine()
            ours.cell.load_state_dict(theirs.cell.state_dict())
            ours.dense.weight.copy_(theirs.dense.weight * scale[:, None])
            ours.bias.copy_(shift[None])
    for ours, theirs in zip(other.spiking(), network.spiking(), strict=True):
        a, b = (layer.described()[1] for layer in (ours, theirs))
        assert a.keys() == b.keys()
        for name in a.keys() - {"scale"}:
            difference = np.abs(a[name].astype(np.int64) - b[name])
            assert difference.max() <= 1, name  # float32 weights
            assert (difference > 0).mean() < 0.02, name


def test_dropout_leaves_integers_and_is_made_good() -> None:
    network = trained("prf", dropout=0.5)
    data = samples()
    x, steps = torch.from_numpy(data.x).float(), torch.from_numpy(data.steps)
    layer = network.train().spiking()[1]
    inputs: list[torch.Tensor] = []
    gains: list[float] = []
    respond, integers = layer.respond, layer.integers

    def spy(x: torch.Tensor, made: Any) -> Any:
        inputs.append(x.detach())
        return respond(x, made)

    def spy_on_gain(seen: Any) -> Any:
        gains.append(seen.gain)
        return integers(seen)

    layer.respond, layer.integers = spy, spy_on_gain
    kept = network.run(x, steps)
    arrived, gain = inputs[0], gains[0]
    share = float(arrived.sum() / kept.spikes[0].detach().sum())
    assert 0.4 < share < 0.6
    assert gain == 2
    assert torch.equal(arrived, arrived.round())


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"cell": {"model": "s5rf", "discretization": "zoh"}}, "train with .* bilinear or dirac"),
        ({"cell": {"model": "lif", "parallel": True}, "normalize": False}, "parallel = true"),
    ],
)
def test_what_has_no_integer_form_is_refused_with_a_way_out(
    choices: dict[str, Any], message: str
) -> None:
    with pytest.raises(NetworkError, match=message):
        trained("s5rf", **choices)


def test_cells_that_grow_are_refused_by_name() -> None:
    a = torch.tensor([0.5, -0.9, 0.1, -0.5])  # below -(1 - beta) a published AdLIF grows
    half = torch.full((4,), 0.5)
    for stable in (True, False):
        cell = AdLIFCell(half, half, a, half, ADLIF, stable)
        layer = SpikingLayer(cell, torch.ones(4, 6))
        readout = Readout(LeakCell(torch.zeros(2)), torch.ones(2, 4))
        network = QATNetwork(FloatNetwork([layer], readout), QuantizationConfig(), SPEC)
        if stable:
            freeze(network, name="test")
            continue
        with pytest.raises(NetworkError, match=r"layers\[0\]: the states of neurons 1, 3 grow"):
            freeze(network, name="test")


def test_a_bilinear_first_layer_on_real_inputs_goes_the_road() -> None:
    cell = {"model": "s5rf", "discretization": "bilinear"}
    assert_equal_to_golden(trained("s5rf", cell=cell), samples())


@pytest.mark.parametrize("score", ["sum", "each"])
def test_samples_in_parts_are_the_same_samples(score: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, data = trained("silif", score=score), samples()
    frozen = freeze(network, name="test")
    whole = golden.run(frozen, data, spikes=True, states=True)
    monkeypatch.setattr(golden, "BATCH", 7)
    assert compare(whole, golden.run(frozen, data, spikes=True, states=True)) == []
    assert compare(whole, network.outputs(data, spikes=True, states=True, batch=3)) == []
    alone = golden.run(frozen, data)
    assert (alone.spikes, alone.u, alone.v) == (None, None, None)


@pytest.mark.parametrize("kind", ["real", "integers"])
def test_dropout_is_of_what_is_fed_not_of_what_goes_around(kind: str) -> None:
    """Only the first of four layers spikes, always: its spikes go around the others whole."""
    config = NetworkConfig(neurons=(8, 8, 8, 8), dropout=0.3)
    network: FloatNetwork | QATNetwork = build(config, 6, 4, torch.Generator().manual_seed(0), 0.5)
    if kind == "integers":
        network = QATNetwork(network, QuantizationConfig(), SPEC)
    fed: list[torch.Tensor] = []
    gains = [1.0]

    def spiked(layer: Any, name: str) -> None:
        first = layer is network.spiking()[0]

        def run(x: torch.Tensor, *rest: Any) -> tuple[torch.Tensor, torch.Tensor]:
            fed.append(x)
            shape = (*x.shape[:2], 8)
            return torch.full(shape, float(first)), torch.zeros(*x.shape[:2], 2, 8)

        setattr(layer, name, run)

    emitted: list[torch.Tensor] = []
    for layer in network.spiking():
        spiked(layer, "run" if kind == "real" else "respond")
        layer.register_forward_hook(lambda _layer, _x, y: emitted.append(y))
        if kind == "integers":
            made = layer.integers

            def integers(seen: Any = None, made: Any = made) -> Any:
                gains.append(1.0 if seen is None else seen.gain)
                return made(seen)

            layer.integers = integers
    x, steps = torch.ones(16, 50, 6), torch.full((16,), 50)
    network.train().run(x, steps)
    for made in emitted:
        assert torch.equal(made, torch.ones_like(made)) == (made is not emitted[-1])
    assert torch.equal(fed[0], x / 2 if kind == "real" else x)  # the input is never left out
    gain = gains[-1]
    for arrived in fed[1:]:
        kept = arrived[arrived > 0] * gain
        assert torch.allclose(kept, torch.tensor(1 / 0.7))
        assert 0.65 < kept.numel() / arrived.numel() < 0.75
    fed.clear()
    network.eval().run(x, steps)
    assert all(torch.equal(arrived, torch.ones_like(arrived)) for arrived in fed[1:])


def test_the_spikes_of_a_network_do_not_depend_on_what_others_draw() -> None:
    """Dropout comes from a generator of its own, where one is given."""
    network = trained("lif", dropout=0.5).train()
    data = samples()
    x, steps = torch.from_numpy(data.x).float(), torch.from_numpy(data.steps)

    def logits() -> torch.Tensor:
        with dropout_from(torch.Generator().manual_seed(5)):
            return network.run(x, steps).logits

    before = torch.get_rng_state()
    first = logits()
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(7)
    assert torch.equal(logits(), first)
    assert not torch.equal(network.run(x, steps).logits, first)
