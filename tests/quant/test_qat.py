"""In evaluation mode a QAT network is the contract: every spike, state and score, with ``==``."""

from __future__ import annotations

import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hls4ml.utils.torch import CustomFXTracer
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils.parametrize import register_parametrization

from rfssm.errors import NetworkError
from rfssm.model import data
from rfssm.model.modes import evaluating
from rfssm.model.network import build
from rfssm.model.recipe import DigitsConfig, NetworkConfig, S5RFConfig
from rfssm.quant import golden
from rfssm.quant.arithmetic import ROUNDINGS
from rfssm.quant.freeze import freeze
from rfssm.quant.layers import InputSpec
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.qat import QATNetwork, QATReadout, QATSpiking, ScaleFloorWarning
from rfssm.quant.recipe import EXACT_BITS, QuantizationConfig
from rfssm.quant.samples import Outputs, Samples, compare


def qat_network(
    neurons: tuple[int, ...] = (16, 16),
    *,
    spec: InputSpec | None = None,
    seed: int = 0,
    bias: bool = False,
    readout: dict[str, Any] | None = None,
    **formats: Any,
) -> QATNetwork:
    spec = spec or InputSpec(channels=6, bits=1, signed=False, frac=0, steps_max=60)
    config = NetworkConfig(neurons=neurons, bias=bias, cell=S5RFConfig(step_min=0.02))
    random = torch.Generator().manual_seed(seed)
    real = build(config, spec.channels, 5, random, 2.0**-spec.frac)
    quantization = QuantizationConfig.model_validate({**formats, "readout": readout or {}})
    network = QATNetwork(real, quantization, spec)
    with torch.no_grad():
        for parameter in (p for n, p in network.named_parameters() if n.endswith("bias")):
            parameter.copy_(torch.randn(parameter.shape, generator=random))
    samples = random_samples(spec)
    network.calibrate(torch.from_numpy(samples.x).double(), torch.from_numpy(samples.steps), 0.7)
    return network.eval()


def random_samples(spec: InputSpec, count: int = 24, seed: int = 1) -> Samples:
    """Samples of different lengths over the whole input range."""
    random = np.random.default_rng(seed)
    shape = (count, min(spec.steps_max, 60), spec.channels)
    x = random.integers(spec.low, spec.high + 1, shape) * (random.random(shape) < 0.4)
    steps = random.integers(1, shape[1] + 1, count)
    steps[0] = shape[1]
    x[np.arange(shape[1]) >= steps[:, None]] = 0
    return Samples(x, steps)


def assert_is_the_contract(network: QATNetwork, samples: Samples) -> tuple[IntegerNetwork, Outputs]:
    frozen = freeze(network, name="test")
    expected = golden.run(frozen, samples, spikes=True, states=True)
    assert compare(expected, network.outputs(samples, spikes=True, states=True, batch=10)) == []
    assert expected.spikes is not None
    assert 0 < expected.spikes[0].mean() < 1
    return frozen, expected


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("weight_bits", [3, 4, 6, 8])
def test_every_rounding_and_weight_width(rounding: str, weight_bits: int) -> None:
    network = qat_network(
        rounding=rounding,
        weight_bits=weight_bits,
        readout={"rounding": rounding, "weight_bits": weight_bits},
    )
    assert_is_the_contract(network, random_samples(network.input_spec))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", range(1, 9))
def test_inputs_of_one_to_eight_bits(bits: int, signed: bool) -> None:
    spec = InputSpec(channels=6, bits=bits, signed=signed, frac=bits // 2, steps_max=60)
    network = qat_network(spec=spec, state_bits=18)
    assert_is_the_contract(network, random_samples(spec))


@pytest.mark.parametrize(
    "formats",
    [
        {"state_bits": 12, "guard_bits": 0, "transition_bits": 9, "transition_frac": 8},
        {"state_bits": 20, "guard_bits": 6},
        {"state_bits": 32, "guard_bits": 0, "transition_bits": 21, "transition_frac": 20},
        {"state_bits": 12, "guard_bits": 0, "transition_bits": 32, "transition_frac": 31},
        {"weight_bits": 16, "state_bits": 28, "guard_bits": 2},
        {"weight_bits": 2, "transition_bits": 4, "transition_frac": 1},
    ],
    ids=str,
)
def test_extreme_formats(formats: dict[str, int]) -> None:
    network = qat_network(**formats)
    assert_is_the_contract(network, random_samples(network.input_spec))


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_saturated_states(rounding: str) -> None:
    """Weights far too large: u, v and the readout hit both ends of their range."""
    network = qat_network(
        state_bits=12, guard_bits=2, rounding=rounding, readout={"state_bits": 9, "guard_bits": 0}
    )
    with torch.no_grad():
        for layer in network.spiking():
            layer.cell.log_damping.fill_(-6)  # rings for long
            layer.rows().mul_(6)
    frozen, outputs = assert_is_the_contract(network, random_samples(network.input_spec))
    assert outputs.u is not None
    assert outputs.v is not None
    highest = 2 ** (frozen.layers[0].state_bits - 1) - 1
    for states in (outputs.u[1], outputs.v[1]):
        assert states.max() == highest
        assert states.min() == -highest - 1


def test_biases() -> None:
    network = qat_network(bias=True)
    frozen, _ = assert_is_the_contract(network, random_samples(network.input_spec))
    assert frozen.layers[0].bias_u is not None
    assert frozen.readout.bias_u is not None
    assert len(np.unique(frozen.layers[0].bias_u)) > 4
    assert len(np.unique(frozen.readout.bias_u)) == 5


@pytest.mark.parametrize("depth", [1, 3, 5])
def test_deep_networks_with_skips(depth: int) -> None:
    network = qat_network((16,) * depth)
    frozen, _ = assert_is_the_contract(network, random_samples(network.input_spec))
    assert [layer.skip for layer in frozen.layers] == [0 < i < depth - 1 for i in range(depth)]


@cache
def digits_and_network() -> tuple[data.Data, QATNetwork]:
    digits = data.load(DigitsConfig(set="digits"))
    spec = InputSpec(channels=1, bits=4, signed=False, frac=0, steps_max=64)
    real = build(NetworkConfig(neurons=(64, 64)), 1, 10, torch.Generator().manual_seed(0))
    network = QATNetwork(real, QuantizationConfig(), spec)
    x = torch.from_numpy(digits.train.x[:64]).float()
    network.calibrate(x, torch.from_numpy(digits.train.steps[:64]), 0.5)
    return digits, network.eval()


def test_whole_digits_test_set() -> None:
    digits, network = digits_and_network()
    samples = Samples(digits.test.x.astype(np.int64), digits.test.steps, digits.test.labels)
    _, outputs = assert_is_the_contract(network, samples)
    assert outputs.spikes is not None
    assert sum(spikes.size for spikes in outputs.spikes) == 450 * 64 * 128


@pytest.mark.parametrize("fault", ["rounding", "threshold", "leak", "transition"])
def test_planted_faults_are_noticed(fault: str) -> None:
    """The comparison above would see a contract that is off by the least possible amount."""
    digits, network = digits_and_network()
    samples = Samples(digits.test.x[:50].astype(np.int64), digits.test.steps[:50])
    frozen = freeze(network, name="test")
    metadata, tensors = frozen.metadata(), frozen.tensors()
    if fault == "rounding":
        metadata["layers"][0]["rounding"] = "TRN"
    elif fault == "leak":
        tensors["layers.2.leak"] = tensors["layers.2.leak"] - 1
    else:
        tensors[f"layers.1.{fault}"] = tensors[f"layers.1.{fault}"] - 1
    faulty = golden.run(IntegerNetwork.build(metadata, tensors), samples, spikes=True, states=True)
    differences = compare(faulty, network.outputs(samples, spikes=True, states=True))
    assert {d.key.split(".")[0] for d in differences} & {"spikes", "u", "scores"}


def test_training_mode_computes_the_same_integers() -> None:
    network = qat_network()
    samples = random_samples(network.input_spec)
    x, steps = torch.from_numpy(samples.x).double(), torch.from_numpy(samples.steps)
    evaluated = network.eval().run(x, steps)
    trained = network.train().run(x, steps)
    assert torch.equal(trained.readout, evaluated.readout)
    assert trained.logits.requires_grad


def test_forward_is_a_chain_of_leaves_for_hls4ml() -> None:
    network = qat_network((8, 8, 8))
    nodes = [n for n in CustomFXTracer().trace(network).nodes if n.op == "call_module"]
    assert [n.target for n in nodes] == ["layers.0", "layers.1", "layers.2", "readout"]
    leaves = [network.get_submodule(str(n.target)) for n in nodes]
    assert all(isinstance(leaf, QATSpiking) for leaf in leaves[:-1])
    assert isinstance(leaves[-1], QATReadout)
    x = torch.from_numpy(random_samples(network.input_spec).x).double()
    steps = torch.full((len(x),), x.shape[1])
    assert torch.equal(network(x), network.run(x, steps).readout.sum(1))


def test_leaves_give_the_frozen_layers() -> None:
    network = qat_network(bias=True)
    frozen = freeze(network, name="test")
    for mine, other in zip(network.spiking(), frozen.layers, strict=True):
        assert np.array_equal(mine.frozen().weight_v, other.weight_v)
        assert np.array_equal(mine.frozen().transition, other.transition)
    assert np.array_equal(network.readout.frozen().leak, frozen.readout.leak)


def test_every_trained_parameter_gets_a_gradient() -> None:
    network = qat_network(bias=True).train()
    samples = random_samples(network.input_spec)
    x, steps = torch.from_numpy(samples.x).float(), torch.from_numpy(samples.steps)
    logits = network.run(x, steps).logits
    torch.nn.functional.cross_entropy(logits, torch.arange(len(x)) % 5).backward()
    names = {n: p for n, p in network.named_parameters() if "tensor_quant" not in n}
    assert len(names) == 2 * 5 + 3
    for name, parameter in names.items():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


def test_gradient_is_that_of_the_real_network() -> None:
    """At 16 bits everywhere, quantisation hardly moves the gradient of one layer's spikes."""
    spec = InputSpec(channels=6, bits=1, signed=False, frac=0, steps_max=60)
    config = NetworkConfig(neurons=(16,), cell=S5RFConfig(step_min=0.02))
    real = build(config, 6, 5, torch.Generator().manual_seed(0))
    formats = QuantizationConfig(
        weight_bits=16, state_bits=28, transition_bits=22, transition_frac=20
    )
    network = QATNetwork(real, formats, spec)
    x = torch.from_numpy(random_samples(spec).x).float()
    gradients = []
    for layer, rows in ((real.layers[0], "weight"), (network.layers[0], "dense.weight")):
        layer.zero_grad()
        spikes, _ = layer.run(x)
        (
            spikes * torch.randn(spikes.shape, generator=torch.Generator().manual_seed(2))
        ).sum().backward()
        gradients.append([layer.get_parameter(n).grad for n in (rows, "cell.frequency")])
    for expected, got in zip(*gradients, strict=True):
        assert torch.linalg.norm(got - expected) < 0.02 * torch.linalg.norm(expected)


def test_clipped_states_stop_the_gradient() -> None:
    network = qat_network((8,), state_bits=8, guard_bits=0, weight_bits=8)
    layer = network.spiking()[0]
    with torch.no_grad():
        layer.rows().fill_(1e4)  # six weights of 127: every current is far beyond the range
    x = torch.ones(1, 2, 6, requires_grad=True)
    spikes, states = layer.run(x)
    low, high = layer.grid.low, layer.grid.high
    clipped = (states <= low) | (states >= high)
    assert bool(clipped[:, 0].all())
    spikes[:, 0].sum().backward()
    assert x.grad is not None
    assert x.grad[:, 0].abs().max() == 0


def test_no_transition_leaves_the_unit_circle() -> None:
    for frac in (1, 4, 8, 14):
        network = qat_network((32,), transition_bits=frac + 3, transition_frac=frac)
        with torch.no_grad():
            network.spiking()[0].cell.log_damping.fill_(-30)  # radius 1 within rounding
        a, b = freeze(network, name="test").layers[0].transition[:, :, 0].T
        assert (a**2 + b**2 <= 4**frac).all()
        assert (np.maximum(abs(a), abs(b)) > 0).all()


def test_one_minus_leak_keeps_three_significant_bits() -> None:
    network = qat_network(readout={"leak_frac": 4, "state_bits": 20})
    with torch.no_grad():
        network.readout.cell.logit.copy_(torch.tensor([-2.0, 0.0, 2.0, 5.0, 9.0]))
    readout = freeze(network, name="test").readout
    assert readout.leak_frac > 4
    assert (2**readout.leak_frac - readout.leak).min() >= 4
    with torch.no_grad():
        network.readout.cell.logit.fill_(40.0)  # a leak of 1 in float
    readout = freeze(network, name="test").readout
    assert readout.leak_frac == 24
    assert (readout.leak == 2**24 - 1).all()


def test_rows_on_the_scale_floor_are_warned_about() -> None:
    network = qat_network()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network.warn_about_floor()
    with torch.no_grad():
        network.spiking()[1].rows().mul_(1e-6)
    with pytest.warns(
        ScaleFloorWarning, match=r"layers\[1\]: the weights of 16 of 16 .*state_bits"
    ):
        network.warn_about_floor()
    frozen = freeze(network, name="test")
    assert (frozen.layers[1].threshold == 2 ** (16 - 3)).all()  # the floor: a quarter of the range


def test_a_row_of_zeros_stays_a_legal_network() -> None:
    network = qat_network()
    with torch.no_grad():
        network.spiking()[0].rows()[3] = 0
    frozen, _ = assert_is_the_contract(network, random_samples(network.input_spec))
    assert (frozen.layers[0].weight_u[3] == 0).all()


@pytest.mark.parametrize(("model", "threshold"), [("lif", 8192), ("prf", 8191)])
def test_a_state_on_the_threshold_spikes_where_the_model_says_so(
    model: str, threshold: int
) -> None:
    """On the scale floor the threshold is 2^13 LSBs: LIF spikes above it, PRF from it on."""
    config = NetworkConfig.model_validate({"neurons": [2], "cell": {"model": model}})
    real = build(config, 1, 2, torch.Generator().manual_seed(0))
    spec = InputSpec(channels=1, bits=8, signed=False, frac=0, steps_max=4)
    network = QATNetwork(real, QuantizationConfig(), spec).eval()
    with torch.no_grad():
        network.spiking()[0].rows().fill_(1e-9)
    frozen = freeze(network, name="test")
    assert frozen.layers[0].threshold.tolist() == [threshold] * 2
    tensors = frozen.tensors()
    tensors["layers.0.weight_u"][:, 0] = [16, 31]  # currents of 64 and 124
    exact = IntegerNetwork.build(frozen.metadata(), tensors)
    x = np.zeros((1, 4, 1), np.int64)
    x[0, 0, 0] = 128
    outputs = golden.run(exact, Samples(x, np.array([4])), spikes=True, states=True)
    assert outputs.u is not None
    assert outputs.spikes is not None
    assert outputs.u[0][0, 0].tolist() == [8192, 15872]
    assert outputs.spikes[0][0, 0].tolist() == [model == "prf", True]


def norms(network: QATNetwork) -> list[torch.Tensor]:
    return [b.clone() for n, b in network.named_buffers() if "running" in n]


def test_outputs_are_those_of_evaluation_and_move_nothing() -> None:
    config = NetworkConfig.model_validate(
        {"neurons": [4, 4], "cell": {"model": "lif"}, "normalize": True, "dropout": 0.5}
    )
    real = build(config, 6, 2, torch.Generator().manual_seed(0))
    spec = InputSpec(channels=6, bits=1, signed=False, frac=0, steps_max=60)
    network = QATNetwork(real, QuantizationConfig(), spec)
    network.spiking()[1].eval()  # as one who freezes a layer's statistics would
    modes = [module.training for module in network.modules()]
    before, data = norms(network), random_samples(spec)
    outputs = network.outputs(data, spikes=True, states=True)
    assert (
        compare(golden.run(freeze(network, name="x"), data, spikes=True, states=True), outputs)
        == []
    )
    assert all(map(torch.equal, before, norms(network)))
    assert [module.training for module in network.modules()] == modes


def test_evaluations_in_threads_wait_for_one_another() -> None:
    """Or one would train while another evaluates, and the network keep the wrong mode."""
    network = nn.Dropout().train()
    inside, leave = threading.Event(), threading.Event()

    def evaluate() -> bool:
        with evaluating(network):
            inside.set()
            leave.wait(0.1)
            return network.training

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(evaluate)
        inside.wait()
        second = threads.submit(evaluate)
        time.sleep(0.01)
        leave.set()
        assert not first.result()
        assert not second.result()
    assert network.training


def test_a_qat_network_shares_nothing_with_the_real_one() -> None:
    config = NetworkConfig.model_validate(
        {"neurons": [4, 4], "cell": {"model": "lif"}, "normalize": True}
    )
    for choices in ({}, {"normalize": False, "bias": True}):
        real = build(config.model_copy(update=choices), 6, 2, torch.Generator().manual_seed(0))
        spec = InputSpec(channels=6, bits=1, signed=False, frac=0, steps_max=60)
        network = QATNetwork(real.eval(), QuantizationConfig(), spec)
        ours = [*network.parameters(), *network.buffers()]
        theirs = {t.data_ptr() for t in (*real.parameters(), *real.buffers())}
        assert not theirs & {t.data_ptr() for t in ours}
        network.train()
        assert not any(module.training for module in real.modules())


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (2, torch.float32),
        (128, torch.float32),  # its int8 is -128
        (-1, torch.float64),
        (0.7, torch.float32),
        (float("nan"), torch.float32),
        (200, torch.uint8),
        (2**24 + 1, torch.int64),
    ],
)
def test_what_is_not_an_input_as_declared_is_refused(value: float, dtype: torch.dtype) -> None:
    network = qat_network((8,))
    x = torch.zeros(3, 5, 6, dtype=dtype)
    network.run(x, torch.full((3,), 5))
    x[1, 2, 3] = value
    for run in (lambda: network.run(x, torch.full((3,), 5)), lambda: network(x)):
        with pytest.raises(NetworkError, match=r"x\[1, 2, 3\] = .*: must be .* between 0 and 1"):
            run()


@pytest.mark.parametrize("steps", [[5, 0], [6, 5], [5], [5, -1]])
def test_lengths_that_no_sample_has_are_refused(steps: list[int]) -> None:
    with pytest.raises(NetworkError, match="steps"):
        qat_network((8,)).run(torch.zeros(2, 5, 6), torch.tensor(steps))


def test_integers_give_the_gradient_of_the_same_real_numbers() -> None:
    network = qat_network((8,)).train()
    x = torch.from_numpy(random_samples(network.input_spec).x)
    gradients = []
    for dtype in (torch.int64, torch.float16, torch.float32):
        network.zero_grad()
        network.run(x.to(dtype), torch.full((len(x),), 60)).logits.sum().backward()
        gradients.append(network.spiking()[0].dense.weight.grad)
    assert gradients[0].abs().max() > 0
    assert torch.equal(gradients[0], gradients[2])
    assert torch.equal(gradients[1], gradients[2])


@pytest.mark.parametrize("part", ["dense", "cell"])
def test_a_pruned_network_freezes_what_it_was_pruned_to(part: str) -> None:
    """Loaded as torch.nn.utils.prune is documented: the parameters are computed by a hook."""

    def pruned(amount: float) -> QATNetwork:
        network = qat_network((8, 8), bias=True)
        for layer in network.spiking():
            name = "weight" if part == "dense" else "frequency"
            module = getattr(layer, part)
            if amount:
                prune.l1_unstructured(module, name, amount)
            else:
                prune.identity(module, name)
        return network

    saved, loaded = pruned(0.5), pruned(0)
    loaded.load_state_dict(saved.state_dict())
    expected = freeze(saved, name="x")
    assert freeze(loaded, name="x") == expected != freeze(qat_network((8, 8), bias=True), name="x")
    data = random_samples(saved.input_spec)
    assert compare(golden.run(expected, data), loaded.outputs(data)) == []
    for layer in loaded.spiking():
        prune.remove(getattr(layer, part), "weight" if part == "dense" else "frequency")
    assert freeze(loaded, name="x") == expected


def test_what_is_pruned_stays_so_in_training() -> None:
    network = qat_network((8,)).train()
    dense = network.spiking()[0].dense
    prune.l1_unstructured(dense, "weight", 0.5)
    optimizer = torch.optim.Adam(network.parameters(), 0.05)
    data = random_samples(network.input_spec)
    for _ in range(2):
        optimizer.zero_grad()
        x, steps = torch.from_numpy(data.x).float(), torch.from_numpy(data.steps)
        network.run(x, steps).logits.square().sum().backward()
        optimizer.step()
    layer = freeze(network, name="x").layers[0]
    assert layer.weight_v is not None
    written = np.concatenate([layer.weight_u, layer.weight_v], 1)
    assert (written[dense.weight_mask.numpy() == 0] == 0).all()
    assert (written != 0).mean() > 0.4


def test_parametrized_weights_are_frozen_as_they_are_computed() -> None:
    network = qat_network((8,))
    plain = freeze(network, name="x")

    class Negative(torch.nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return -weight

    dense = network.spiking()[0].dense
    register_parametrization(dense, "weight", Negative())
    frozen = freeze(network, name="x")
    assert np.array_equal(frozen.layers[0].weight_u, -plain.layers[0].weight_u)
    with pytest.raises(NetworkError, match=r"layers\[0\].weight: pruned or parametrized"):
        network.calibrate(torch.zeros(1, 5, 6), torch.tensor([5]), 0.5)


def test_hooks_of_layers_run_and_are_not_frozen() -> None:
    network = qat_network((8, 8))
    x, steps = torch.ones(2, 5, 6), torch.tensor([5, 4])
    seen: list[str] = []
    handles = [
        layer.register_forward_hook(lambda *_, name=name: seen.append(name))
        for name, layer in (("0", network.layers[0]), ("1", network.layers[1]))
    ]
    handles.append(network.readout.register_forward_pre_hook(lambda *_: seen.append("readout")))
    network.run(x, steps)
    network(x)
    assert seen == ["0", "1", "readout"] * 2
    with pytest.raises(NetworkError, match=r"layers\[0\]: has hooks, .* remove them"):
        freeze(network, name="x")
    for handle in handles:
        handle.remove()
    freeze(network, name="x")
    network.layers[0].register_forward_hook(lambda _layer, _x, y: y / 2)
    with pytest.raises(NetworkError, match=r"x.* = 0\.5: must be a whole number between 0 and 1"):
        network.run(x, steps)


@pytest.mark.parametrize("name", ["", "layers.0.dense", "layers.0.cell", "readout.dense"])
def test_hooks_on_what_is_not_called_are_refused(name: str) -> None:
    network = qat_network((8,))
    network.get_submodule(name).register_forward_hook(lambda *_: None)
    with pytest.raises(NetworkError, match="its hooks would not run"):
        network.run(torch.ones(2, 5, 6), torch.tensor([5, 4]))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "name",
    ["layers.0.dense.weight", "layers.0.cell.frequency", "readout.cell.logit", "readout.bias"],
)
def test_what_is_not_finite_is_never_cast(name: str, bad: float) -> None:
    network = qat_network((8,), bias=True)
    with torch.no_grad():
        network.get_parameter(name).view(-1)[3] = bad
    if name == "readout.cell.logit" and bad > 0:  # a leak of 1
        freeze(network, name="x")
        return
    with pytest.raises(NetworkError, match=r"(layers\[0\]|readout): .* are not finite"):
        freeze(network, name="x")


@pytest.mark.parametrize("layers", [2, 0])
def test_what_an_input_is_worth_concerns_the_first_layer_only(layers: int) -> None:
    """Inputs in eighths: what comes after the first layer is the same, and only that layer is not.

    A readout alone is a first layer: its scale is an eighth, its integers stay.
    """
    config = NetworkConfig(neurons=(8, 8), bias=True, cell=S5RFConfig(step_min=0.02))
    frozen = []
    for frac in (0, 3):
        spec = InputSpec(channels=8, bits=4, signed=True, frac=frac, steps_max=60)
        real = build(config, 8, 5, torch.Generator().manual_seed(0))
        del real.layers[layers:]
        network = QATNetwork(real, QuantizationConfig(), spec).eval()
        frozen.append(freeze(network, name="x").all_layers)
    (first, *rest), (other, *same) = frozen
    assert rest == same
    assert first != other
    if not layers:
        assert np.array_equal(first.weight_u, other.weight_u)
        assert (other.scale * 8 == first.scale).all()


def test_an_entry_of_one_becomes_the_largest_word() -> None:
    network = qat_network((4,), transition_bits=12, transition_frac=11)
    shift = torch.tensor([[0.0, 1.0], [0.0, 0.0]]).expand(4, 2, 2)
    network.spiking()[0].cell.transition = lambda: shift  # type: ignore[method-assign]
    frozen = freeze(network, name="x")
    assert frozen.layers[0].transition[:, 0, 1].tolist() == [2**11 - 1] * 4


def test_a_slow_leak_has_no_more_bits_than_are_computed_exactly() -> None:
    network = qat_network((4,), readout={"state_bits": 32})
    with torch.no_grad():
        network.readout.cell.get_parameter("logit").fill_(14.0)  # 1 - leak = 8e-7
    assert freeze(network, name="x").readout.leak_frac == EXACT_BITS - 32


def readout_alone(spec: InputSpec, *, score: str = "sum", **formats: Any) -> QATNetwork:
    """A network that is only a readout."""
    config = NetworkConfig(neurons=(spec.channels,), score=score, cell=S5RFConfig(step_min=0.02))
    real = build(config, spec.channels, 5, torch.Generator().manual_seed(0), 2.0**-spec.frac)
    del real.layers[:]
    return QATNetwork(real, QuantizationConfig.model_validate({"readout": formats}), spec).eval()


def test_sums_that_float32_cannot_hold_are_whole() -> None:
    """A thousand inputs of 8 bits times weights of 8."""
    spec = InputSpec(channels=1000, bits=8, signed=False, frac=0, steps_max=60)
    network = readout_alone(spec, weight_bits=8, guard_bits=0, state_bits=32)
    with torch.no_grad():
        network.readout.dense.weight.uniform_(0.5, 1.0, generator=torch.Generator().manual_seed(0))
    samples = random_samples(spec, count=4)
    samples = Samples(255 - samples.x % 16, samples.steps)
    expected = golden.run(freeze(network, name="test"), samples)
    assert expected.scores.max() > 2**25
    assert compare(expected, network.outputs(samples)) == []
    found = network.readout(
        torch.from_numpy(samples.x).float(), steps=torch.from_numpy(samples.steps)
    )
    assert np.array_equal(found.long().numpy(), expected.scores)


@pytest.mark.parametrize("guard_bits", [0, 3])
def test_logits_are_scores_in_the_real_network_s_unit(guard_bits: int) -> None:
    spec = InputSpec(channels=8, bits=4, signed=True, frac=2, steps_max=60)
    network = readout_alone(spec, score="last", guard_bits=guard_bits, state_bits=28, leak_frac=20)
    samples = random_samples(spec)
    logits = network.run(torch.from_numpy(samples.x), torch.from_numpy(samples.steps)).logits
    assert isinstance(network.readout, QATReadout)
    integers = network.readout.integers()
    weight = integers.weight.double() * integers.scale  # of the input's LSB
    x, m = torch.from_numpy(samples.x).double(), torch.zeros(len(samples), 5).double()
    for t in range(x.shape[1]):
        live = (t < torch.from_numpy(samples.steps))[:, None]
        m = torch.where(live, m * integers.leak + x[:, t] @ weight.T, m)
    assert torch.allclose(logits, m, rtol=1e-3, atol=1e-3 * float(m.detach().abs().max()))


def test_a_readout_alone_refuses_what_is_not_an_input() -> None:
    network = readout_alone(InputSpec(channels=8, bits=1, signed=False, frac=0, steps_max=60))
    x = torch.zeros(3, 5, 8)
    x[1, 2, 3] = 0.5
    with pytest.raises(NetworkError, match=r"x\[1, 2, 3\] = 0\.5: must be"):
        network(x)


@pytest.mark.parametrize(("score", "grows"), [("sum", 6), ("last", 0), ("max", 0), ("each", 0)])
def test_only_a_sum_s_score_is_wider_than_a_state(score: str, grows: int) -> None:
    spec = InputSpec(channels=8, bits=1, signed=False, frac=0, steps_max=60)
    readout = freeze(readout_alone(spec, score=score, state_bits=14), name="x").readout
    assert readout.score_bits == 14 + grows


@pytest.mark.parametrize("count", ["coarse_thresholds", "rows_on_floor"])
def test_half_of_a_layer_s_rows_are_no_reason_to_warn(
    count: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = qat_network((16,), proved=True)
    for other in ("coarse_thresholds", "rows_on_floor"):
        monkeypatch.setattr(QATSpiking, other, lambda _: 0)
    monkeypatch.setattr(QATSpiking, count, lambda _: 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network.warn_about_floor()
    monkeypatch.setattr(QATSpiking, count, lambda _: 9)
    with pytest.warns(ScaleFloorWarning, match=r"of 9 of 16 neurons"):
        network.warn_about_floor()


def test_an_empty_batch_has_no_answers() -> None:
    network = qat_network((8,))
    assert network(torch.zeros(0, 5, 6)).shape == (0, 5)


def test_batch_norm_sees_real_inputs() -> None:
    """Inputs in quarters: its statistics in training are those of the real network."""
    spec = InputSpec(channels=8, bits=4, signed=True, frac=2, steps_max=60)
    config = NetworkConfig(
        neurons=(8,),
        normalize=True,
        cell={"model": "prf"},  # type: ignore[arg-type]
    )
    real = build(config, 8, 5, torch.Generator().manual_seed(0), 0.25).train()
    network = QATNetwork(real, QuantizationConfig(), spec).train()
    samples = random_samples(spec)
    x, steps = torch.from_numpy(samples.x), torch.from_numpy(samples.steps)
    network.run(x, steps)
    real.run(x.float(), steps)
    ours, theirs = network.spiking()[0].norm, real.spiking()[0].norm
    assert ours is not None
    assert theirs is not None
    assert torch.allclose(ours.running_var, theirs.running_var, rtol=1e-4)
    assert torch.allclose(ours.running_mean, theirs.running_mean, atol=1e-4)
