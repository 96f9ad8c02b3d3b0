"""Networks of the authors' own code: every spike and the output, and files that are not theirs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rfssm.errors import NetworkError
from rfssm.model import load_published

NAMES = ["s5rf_a", "s5rf_skip_a", "s5rf_zoh_a", "silif_a", "csilif_a", "cadlif_a"]
pytestmark = pytest.mark.data


@pytest.mark.parametrize("name", NAMES)
def test_spikes_and_output_are_those_of_the_authors_code(data_root: Path, name: str) -> None:
    path = data_root / "published" / f"{name}.npz"
    stored = np.load(path)
    output, spikes = load_published(path)(torch.from_numpy(stored["x"]), return_spikes=True)
    assert len(spikes) == sum(key.startswith("spikes.") for key in stored)
    for i, layer in enumerate(spikes):
        assert np.array_equal(layer.numpy(), stored[f"spikes.{i}"])
        assert 0.01 < layer.mean() < 0.5
    assert np.allclose(output.numpy(), stored["output"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_matters(data_root: Path, tmp_path: Path, name: str) -> None:
    """A loader that drops or swaps one would still pass on some other network."""
    path = data_root / "published" / f"{name}.npz"
    arrays = dict(np.load(path))
    reference, spikes = load_published(path)(arrays["x"], return_spikes=True)
    for key in [k for k in arrays if k.startswith("param.") and not k.endswith("batches_tracked")]:
        changed = arrays | {key: arrays[key] * 1.3 + 0.1}
        np.savez(tmp_path / "changed.npz", **changed)
        output, others = load_published(tmp_path / "changed.npz")(arrays["x"], return_spikes=True)
        same = torch.allclose(output, reference, rtol=1e-9, atol=1e-9)
        assert not (same and all(torch.equal(a, b) for a, b in zip(spikes, others, strict=True))), (
            key
        )


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("s5rf_a", {"config.model": "S4D"}, r"config\.model = 'S4D': must be one of S5RF, SiLIF"),
        ("s5rf_a", {"config.layers": 0}, r"config\.layers = 0: must be a whole number"),
        ("s5rf_a", {"config.layers": 3}, r"param\.rf\.2\.Lambda: missing"),
        ("s5rf_a", {"config.discretization": "euler"}, r"config\.discretization = 'euler'"),
        ("s5rf_a", {"config.activation": "polar_spike"}, r"config\.activation = 'polar_spike'"),
        ("s5rf_a", {"config.threshold": 0.5}, r"config\.threshold = 0\.5: must be 1\.0"),
        ("s5rf_a", {"config.spike": ">="}, r"config\.spike = '>=': must be '>'"),
        ("s5rf_a", {"param.li.tau": np.zeros(4)}, r"param\.li\.tau: shape \[4\], must be \[5\]"),
        ("s5rf_a", {"config.skip": "false"}, r"config\.skip = 'false': must be true or false"),
        ("s5rf_a", {"config.keep_imag": False}, r"config\.keep_imag = False: must be True"),
        ("s5rf_a", {"config.step_rescale": 2.0}, r"config\.step_rescale = 2\.0: must be 1\.0"),
        ("silif_a", {"config.bidirectional": True}, r"config\.bidirectional = True: must be"),
        ("silif_a", {"param.snn.0.W.bias": np.ones(24)}, r"param\.snn\.0\.W\.bias: no layer"),
        ("silif_a", {"param.snn.1.V.weight": np.ones(1)}, r"param\.snn\.1\.V\.weight: no layer"),
        ("silif_a", {"param.snn.0.norm.running_var": -np.ones(24)}, r"must not be negative"),
        ("silif_a", {"config.sizes": [24]}, r"config\.sizes = \[24\]: must list"),
        ("silif_a", {"config.initial_state": 1}, r"config\.initial_state = 1: must be 0"),
        ("silif_a", {"param.snn.1.a": np.full(16, np.nan)}, r"param\.snn\.1\.a: .* not finite"),
    ],
)
def test_refusals_name_the_field(
    data_root: Path, tmp_path: Path, name: str, changes: dict[str, Any], message: str
) -> None:
    arrays = dict(np.load(data_root / "published" / f"{name}.npz"))
    config = json.loads(str(arrays["config"]))
    for key, value in changes.items():
        if key.startswith("config."):
            config[key.removeprefix("config.")] = value
        else:
            arrays[key] = value
    path = tmp_path / "network.npz"
    np.savez(path, **(arrays | {"config": np.array(json.dumps(config))}))
    with pytest.raises(NetworkError, match=message) as caught:
        load_published(path)
    assert str(path) in str(caught.value)


def test_a_norm_lacks_nothing(data_root: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(data_root / "published" / "silif_a.npz"))
    del arrays["param.snn.0.norm.weight"]
    np.savez(tmp_path / "network.npz", **arrays)
    with pytest.raises(NetworkError, match=r"param\.snn\.0\.norm\.weight: missing"):
        load_published(tmp_path / "network.npz")


@pytest.mark.parametrize("stored", [np.float32, np.float64])
def test_constants_are_rounded_as_by_the_authors(tmp_path: Path, stored: type) -> None:
    """C-SiLIF that turns up to 150 rad per step, for 250 steps: 1e-5 rad move many spikes."""
    random, n, m = np.random.default_rng(0), 256, 40
    step = np.exp(random.uniform(np.log(0.01), np.log(0.5), n))
    file = {
        "log_dt": np.log(step),
        "log_log_alpha": np.log(random.uniform(0.001, 0.02, n) / step),
        "alpha_img": random.uniform(-150, 150, n) / step,
        "b": random.uniform(0.2, 1, n),
        "W.weight": random.integers(-32, 33, (n, m)) / 64,
    }
    file = {name: array.astype(stored) for name, array in file.items()}
    rest = {"snn.1.W.weight": np.zeros((5, n), stored), "snn.1.alpha": np.zeros(5, stored)}
    config = json.dumps({"model": "CSiLIF", "inputs": m, "sizes": [n, 5]})
    named = {f"param.snn.0.{name}": array for name, array in file.items()}
    named |= {f"param.{name}": array for name, array in rest.items()}
    np.savez(tmp_path / "network.npz", config=np.array(config), **named)
    x = torch.from_numpy(random.integers(0, 2, (4, 250, m)).astype(stored))

    given = {name: torch.from_numpy(array) for name, array in file.items()}
    rate = torch.complex(-given["log_log_alpha"].exp(), given["alpha_img"])
    pole = torch.exp(given["log_dt"].exp() * rate)
    current = x @ given["W.weight"].T
    z = torch.zeros(4, n, dtype=pole.dtype)
    spike = torch.zeros(4, n, dtype=x.dtype)
    expected = []
    for t in range(250):
        z = pole * (z - 0.5 * spike) + given["b"] * current[:, t]
        spike = (2 * z.real > 1).to(x.dtype)
        expected.append(spike.bool())

    network = load_published(tmp_path / "network.npz")
    _, (spikes,) = network(x, return_spikes=True)
    flips = (spikes.bool() != torch.stack(expected, 1)).sum()
    assert flips == 0
    if stored is np.float32:
        network.spiking()[0].cell.precision = torch.float64
        _, (others,) = network(x, return_spikes=True)
        assert (others != spikes).any()


def test_other_files_are_refused(tmp_path: Path) -> None:
    for name, content in (("text.npz", b"hello"), ("empty.npz", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(NetworkError, match=name):
            load_published(tmp_path / name)
    np.savez(tmp_path / "samples.npz", x=np.zeros(3))
    with pytest.raises(NetworkError, match="has no array 'config'"):
        load_published(tmp_path / "samples.npz")
    with pytest.raises(NetworkError, match="no such file"):
        load_published(tmp_path / "none.npz")
