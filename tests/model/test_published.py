"""Networks of the authors' own code: every spike and the output, and files that are not theirs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rfssm.model import load_published
from rfssm.model.errors import NetworkError

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
