"""The float network: its structure, and the published networks' own spikes."""

import os
import signal
import threading
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import pytest
import torch
from torch.nn.utils import prune

from rfssm.errors import NetworkError
from rfssm.hls.hls4ml.backends import CPP_LOCK
from rfssm.model.calibrate import calibrate
from rfssm.model.layers import SpikingLayer
from rfssm.model.modes import evaluating
from rfssm.model.network import FloatNetwork, build
from rfssm.model.neurons import S5RFCell
from rfssm.model.recipe import NetworkConfig
from rfssm.model.training.settings import reproducible
from rfssm.quant.layers import InputSpec
from rfssm.quant.qat import QATNetwork
from rfssm.quant.recipe import QuantizationConfig


def network(neurons: tuple[int, ...], inputs: int = 3, **choices: object) -> FloatNetwork:
    config = NetworkConfig.model_validate({"neurons": neurons, **choices})
    return build(config, inputs, 4, torch.Generator().manual_seed(0)).double()


def spiking(net: FloatNetwork) -> list[SpikingLayer]:
    return [layer for layer in net.layers if isinstance(layer, SpikingLayer)]


@pytest.mark.parametrize(
    ("depth", "skips"), [(1, [0]), (2, [0, 0]), (3, [0, 1, 0]), (4, [0, 1, 1, 0])]
)
def test_skips_lie_between_the_first_and_the_last_layer(depth: int, skips: list[int]) -> None:
    assert [layer.skip for layer in spiking(network((8,) * depth))] == [bool(s) for s in skips]


def test_start_values_are_hippo_blocks_and_steps_in_range() -> None:
    cell = {"model": "s5rf", "step_min": 0.01, "step_max": 0.1}
    layer = spiking(network((8, 8), cell=cell))[0]
    assert isinstance(layer.cell, S5RFCell)
    assert np.allclose(layer.cell.frequency.detach()[:4], layer.cell.frequency.detach()[4:])
    assert torch.allclose(layer.cell.log_damping.exp(), torch.tensor(0.5).double())
    steps = layer.cell.gain().detach()
    assert float(steps.min()) >= 0.0099
    assert float(steps.max()) <= 0.101
    radius = torch.linalg.matrix_norm(layer.cell.transition(), 2)
    assert torch.allclose(radius, torch.exp(-0.5 * steps))


def test_logits_are_the_mean_over_a_samples_own_steps() -> None:
    net = network((8,))
    x = torch.randn(2, 20, 3, generator=torch.Generator().manual_seed(1)).double()
    together = net.run(x, torch.tensor([20, 7])).logits
    alone = net.run(x[1:, :7], torch.tensor([7])).logits
    assert torch.allclose(together[1:], alone)


def test_calibration_sets_the_spread_of_every_layer() -> None:
    net = network((32, 32), inputs=6)
    x = (torch.rand(16, 50, 6, generator=torch.Generator().manual_seed(1)) < 0.3).double()
    steps = torch.full((16,), 50)
    calibrate(spiking(net), x, steps, 0.5)
    u = spiking(net)[0].run(x)[1][:, :, 0]
    assert torch.allclose(u.square().mean((0, 1)).sqrt(), torch.tensor(0.5).double(), rtol=1e-3)


def spiking_network() -> tuple[FloatNetwork, torch.Tensor, torch.Tensor]:
    """Two layers that both spike, and what makes them."""
    net, steps = network((8, 8)), torch.tensor([20, 14])
    x = torch.randn(2, 20, 3, generator=torch.Generator().manual_seed(1)).double()
    net.calibrate(x, steps, 2.0)
    return net, x, steps


def test_hooks_of_layers_run() -> None:
    net, x, steps = spiking_network()
    seen = []
    for name in ("layers.0", "layers.1", "readout"):
        layer = net.get_submodule(name)
        layer.register_forward_hook(lambda _layer, given, _y, name=name: seen.append((name, given)))
    assert net.run(x, steps).logits.any()
    assert [name for name, _ in seen] == ["layers.0", "layers.1", "readout"]
    assert torch.equal(seen[0][1][0], x)
    silenced = net.layers[1].register_forward_hook(lambda _layer, _x, y: 0 * y)
    assert not net.run(x, steps).logits.any()
    silenced.remove()
    for name in ("", "layers.0.cell"):
        handle = net.get_submodule(name).register_forward_pre_hook(lambda *_: None)
        with pytest.raises(NetworkError, match="its hooks would not run"):
            net.run(x, steps)
        handle.remove()
    net.run(x, steps)


def test_a_pruned_network_runs_as_it_was_pruned() -> None:
    (saved, x, steps), (loaded, _, _) = spiking_network(), spiking_network()
    for net, amount in ((saved, 0.5), (loaded, 0.0)):
        for module in (*net.spiking(), net.readout):
            prune.l1_unstructured(module, "weight", amount)
    loaded.load_state_dict(saved.state_dict())
    assert torch.equal(loaded.run(x, steps).logits, saved.run(x, steps).logits)
    assert torch.equal(loaded.spiking()[0].run(x)[1], saved.spiking()[0].run(x)[1])
    assert not torch.equal(loaded.run(x, steps).logits, spiking_network()[0].run(x, steps).logits)


@pytest.mark.parametrize("steps", [[5, 0], [6, 5], [5], [5, -1]])
def test_lengths_that_no_sample_has_are_refused(steps: list[int]) -> None:
    with pytest.raises(NetworkError, match="steps"):
        network((8,)).run(torch.zeros(2, 5, 3).double(), torch.tensor(steps))


WRONG_BATCHES = {
    "shape .*, must be a tensor of .* 3": (torch.zeros(2, 5, 4), torch.tensor([5, 5])),
    "there are no steps": (torch.zeros(0, 0, 3), torch.zeros(0, dtype=torch.long)),
    "steps: .* must be a tensor of integers": (torch.zeros(2, 5, 3), torch.tensor([2.5, 5.0])),
}


@pytest.mark.parametrize("message", WRONG_BATCHES)
def test_what_is_no_batch_is_refused_by_name(message: str) -> None:
    net = network((8,), score="max").float()
    spec = InputSpec(channels=3, bits=1, signed=False, frac=0, steps_max=5)
    for each in (net, QATNetwork(net, QuantizationConfig(), spec)):
        with pytest.raises(NetworkError, match=message):
            each.run(*WRONG_BATCHES[message])


@pytest.mark.parametrize(
    "cell",
    [
        {"model": "s5rf", "discretization": "zoh"},
        {"model": "lif", "parallel": True},
        {"model": "adlif"},
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_an_empty_batch_has_no_answers_and_no_gradient(cell: object, training: bool) -> None:
    batch_norm = cell != {"model": "s5rf", "discretization": "zoh"}
    net = network((8, 8), cell=cell, normalize=batch_norm).train(training)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    activity = net.run(torch.zeros(0, 5, 3).double(), torch.zeros(0, dtype=torch.long))
    assert activity.logits.shape == (0, 4)
    assert [s.shape for s in activity.spikes] == [(0, 5, 8)] * 2
    activity.logits.sum().backward()
    assert not any(p.grad.any() for p in net.parameters() if p.grad is not None)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize(
    ("x", "steps", "message"),
    [
        (torch.zeros(0, 5, 3), [], r"layers\[0\]: cannot be calibrated, there are no samples"),
        (torch.full((1, 5, 3), torch.nan), [5], "its states are not finite"),
        (torch.zeros(2, 5, 3), [5, 6], r"steps\[1\] = 6: must be between 1 and the 5 steps of x"),
    ],
)
def test_nothing_is_calibrated_by_what_cannot_be_measured(
    x: torch.Tensor, steps: list[int], message: str
) -> None:
    net = network((8, 8))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(NetworkError, match=message):
        net.calibrate(x.double(), torch.tensor(steps, dtype=torch.long), 1.0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize("own", [False, True], ids=["another thread's", "its own"])
@pytest.mark.parametrize("name", ["evaluating", "reproducible", "C++"])
def test_a_forked_child_waits_for_no_thread_that_it_lacks(name: str, own: bool) -> None:
    """Of several threads a fork copies one: what the others hold nobody would release."""
    net, held, done = network((8,)), threading.Event(), threading.Event()

    def lock() -> AbstractContextManager[object]:
        locks = {"evaluating": evaluating(net), "reproducible": reproducible(), "C++": CPP_LOCK}
        return locks[name]

    def hold() -> None:
        with lock():
            held.set()
            done.wait(20)

    other = threading.Thread(target=hold)
    with lock() if own else nullcontext():
        if not own:
            other.start()
            assert held.wait(10)
        child = os.fork()
        if not child:
            try:
                signal.alarm(10)  # ends a child that waits
                with lock():
                    os._exit(0)
            finally:
                os._exit(1)
        done.set()
    assert os.waitpid(child, 0)[1] == 0
    if not own:
        other.join()
