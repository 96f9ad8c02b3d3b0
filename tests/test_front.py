"""The front door: the example of every docstring runs, and calibration takes what samples take."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rtl_cases import network

import rfssm
from rfssm import front
from rfssm.errors import SamplesError
from rfssm.model.network import FloatNetwork, build
from rfssm.model.recipe import CSiLIFConfig, NetworkConfig
from rfssm.quant.layers import InputSpec
from rfssm.quant.ptq import Calibration

FUNCTIONS = [name for name in rfssm.__all__ if name in vars(front) and name[0].islower()]


@pytest.fixture
def floating() -> FloatNetwork:
    config = NetworkConfig(neurons=(4,), cell=CSiLIFConfig(model="csilif"))
    return build(config, 3, 3, torch.Generator().manual_seed(0), 1.0)


@pytest.fixture
def samples() -> rfssm.Samples:
    x = np.random.default_rng(0).integers(0, 2, (4, 12, 3))
    return rfssm.Samples(x, np.full(4, 12))


@pytest.mark.rtl
@pytest.mark.filterwarnings("ignore::rfssm.quant.qat.ScaleFloorWarning")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_examples_of_docstrings_run(
    name: str,
    floating: FloatNetwork,
    samples: rfssm.Samples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    network([{"neurons": 5}], channels=3, classes=3).save(Path("network.safetensors"))
    samples.save(Path("x.npz"))
    spec = InputSpec(channels=3, bits=1, signed=False, frac=0, steps_max=12)
    qat = rfssm.quantize_aware(floating, spec).eval()
    names = {"rfssm": rfssm, "float_network": floating, "spec": spec, "samples": samples}
    (example,) = doctest.DocTestFinder(recurse=False).find(
        getattr(rfssm, name), name, globs=names | {"qat": qat}
    )
    assert example.examples, f"rfssm.{name} has no example"
    told: list[str] = []
    doctest.DocTestRunner().run(example, out=told.append)
    assert not told, "".join(told)


def test_calibration_is_what_samples_are(
    floating: FloatNetwork, samples: rfssm.Samples, tmp_path: Path
) -> None:
    samples.save(tmp_path / "x.npz")
    given: tuple[Any, ...] = (
        samples, samples.x, samples.x.tolist(), tmp_path / "x.npz", str(tmp_path / "x.npz"),
        Calibration(samples.x, samples.steps),
    )  # fmt: skip
    digests = {rfssm.quantize(floating, calibration)[0].digest() for calibration in given}
    assert len(digests) == 1


@pytest.mark.parametrize("wrong", [[[[1]], [[1], [0]]], "no.npz", None, [], [[["a"]]]])
def test_what_is_not_samples_is_refused(wrong: Any, floating: FloatNetwork) -> None:
    net = network([{"neurons": 5}], channels=3, classes=3)
    with pytest.raises(SamplesError):
        rfssm.quantize(floating, wrong)
    with pytest.raises(SamplesError):
        rfssm.run(net, wrong)
