"""Public functions given something else than the object they work on: refused by its class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rtl_cases import network, samples_for

import rfssm
from rfssm.errors import HardwareError, NetworkError, RfssmError, SamplesError
from rfssm.hls import engines
from rfssm.hls.convert import convert
from rfssm.hls.describe import describe
from rfssm.hls.design import Design
from rfssm.hls.emit.project import write_rtl
from rfssm.hls.engines.soft_errors import soft_errors
from rfssm.hls.engines.timing import measure
from rfssm.hls.estimate.cycle_model import Activity
from rfssm.hls.estimate.estimate import activity_of, estimate
from rfssm.hls.estimate.fit import check_blocks, fit_lanes
from rfssm.hls.hls4ml.plugin import convert_network
from rfssm.hls.synthesis.flow import synth
from rfssm.hls.synthesis.targets import target
from rfssm.hls.verify import verify_network
from rfssm.model.network import build
from rfssm.model.recipe import NetworkConfig, S5RFConfig
from rfssm.quant import golden
from rfssm.quant.freeze import freeze
from rfssm.quant.ptq import quantize
from rfssm.quant.ranges.narrow import narrowed, with_state_bits
from rfssm.quant.ranges.reach import reachable_range
from rfssm.quant.ranges.silence import remainders
from rfssm.quant.samples import Samples

NET: Any = network([{"neurons": 8}])
SAMPLES: Any = samples_for(NET)
TARGET = target("ecp5-25k")
OF_A_NETWORK: dict[str, Callable[[Any, Path], object]] = {
    "golden": lambda net, _: golden.run(net, SAMPLES),
    "run": lambda net, _: engines.run(net, SAMPLES, "icarus"),
    "verify_network": lambda net, _: verify_network(net, SAMPLES),
    "measure": lambda net, _: measure(net, SAMPLES),
    "convert": lambda net, folder: convert(net, folder / "ip", SAMPLES),
    "convert_network": lambda net, folder: convert_network(net, folder / "ip"),
    "write_rtl": lambda net, folder: write_rtl(net, folder / "ip"),
    "Design.of": lambda net, _: Design.of(net),
    "activity_of": lambda net, _: activity_of(net),
    "Activity.of": lambda net, _: Activity.of(net, SAMPLES),
    "fit_lanes": lambda net, _: fit_lanes(net, TARGET, activity_of(NET)),
    "soft_errors": lambda net, _: soft_errors(net, SAMPLES, "states"),
    "Samples.random": lambda net, _: Samples.random(net, 3, 0),
    "Samples.check": lambda net, _: SAMPLES.check(net),
    "narrowed": lambda net, _: narrowed(net),
    "with_state_bits": lambda net, _: with_state_bits(net, 16),
    "reachable_range": lambda net, _: reachable_range(net, 0),
    "remainders": lambda net, _: remainders(net, 0),
    "describe": lambda net, _: describe(net),
}
OF_SAMPLES: dict[str, Callable[[Any, Path], object]] = {
    "golden": lambda samples, _: golden.run(NET, samples),
    "run": lambda samples, _: engines.run(NET, samples),
    "verify_network": lambda samples, _: verify_network(NET, samples),
    "measure": lambda samples, _: measure(NET, samples),
    "convert": lambda samples, folder: convert(NET, folder / "ip", samples),
    "activity_of": lambda samples, _: activity_of(NET, samples),
    "soft_errors": lambda samples, _: soft_errors(NET, samples, "states"),
}


@pytest.mark.parametrize("function", OF_A_NETWORK)
@pytest.mark.parametrize("other", ["network.npz", None, Path("network"), SAMPLES, [NET]])
def test_what_is_no_network_is_refused(function: str, other: object, tmp_path: Path) -> None:
    words = f"network is a {type(other).__name__}: must be an IntegerNetwork; IntegerNetwork.load"
    with pytest.raises(NetworkError, match=words):
        OF_A_NETWORK[function](other, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("function", OF_SAMPLES)
@pytest.mark.parametrize("other", ["x.npz", SAMPLES.x, NET])
def test_what_are_no_samples_is_refused(function: str, other: object, tmp_path: Path) -> None:
    words = f"samples is a {type(other).__name__}: must be a Samples; Samples.load reads"
    with pytest.raises(SamplesError, match=words):
        OF_SAMPLES[function](other, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_no_design_or_target_is_refused() -> None:
    of_both: list[Callable[[Any, Any], object]] = [
        lambda design, place: estimate(design, place, activity_of(NET)),
        synth,
        check_blocks,
    ]
    for function in of_both:
        with pytest.raises(HardwareError, match=r"design is a IntegerNetwork: .*Design\.of"):
            function(NET, TARGET)
        with pytest.raises(HardwareError, match=r"target is a str: must be a Target; rfssm\.hls"):
            function(Design.of(NET), "ecp5-25k")
    wrong: Any = "ecp5-25k"
    with pytest.raises(HardwareError, match="target is a str"):
        fit_lanes(NET, wrong, activity_of(NET))


def test_networks_of_other_kinds_are_not_frozen() -> None:
    with pytest.raises(NetworkError, match="network is a IntegerNetwork: must be a QATNetwork"):
        freeze(NET, name="a")
    with pytest.raises(NetworkError, match="network is a IntegerNetwork: must be a FloatNetwork"):
        quantize(NET, SAMPLES, name="a")


def test_what_is_no_float_network_or_input_does_not_become_a_qat_network() -> None:
    wrong: Any = NET
    with pytest.raises(NetworkError, match="network is a IntegerNetwork: must be a FloatNetwork"):
        rfssm.quantize_aware(wrong, NET.input)
    generator = torch.Generator().manual_seed(0)
    floating = build(NetworkConfig(neurons=(4,), cell=S5RFConfig()), 4, 2, generator, 0.25)
    wrong = None
    with pytest.raises(NetworkError, match="spec is a NoneType: must be an InputSpec"):
        rfssm.quantize_aware(floating, wrong)
    wrong = {"weight_bits": 4}
    with pytest.raises(NetworkError, match="formats is a dict: must be a QuantizationConfig"):
        rfssm.quantize_aware(floating, NET.input, wrong)


@pytest.mark.parametrize("wrong", [3, None, b"net"])
def test_the_front_door_takes_a_network_or_a_path(wrong: Any) -> None:
    with pytest.raises(NetworkError, match=rf"network is a {type(wrong).__name__}: must be"):
        rfssm.run(wrong, SAMPLES)


def test_one_name_is_no_list_of_names(tmp_path: Path) -> None:
    with pytest.raises(RfssmError, match=r"engines = 'csim': must be a list .*\['csim'\]"):
        rfssm.verify(NET, SAMPLES, engines="csim")
    with pytest.raises(RfssmError, match=r"boards = 'ulx3s': must be a list .*\['ulx3s'\]"):
        rfssm.convert(NET, tmp_path / "ip", boards="ulx3s")
    assert not (tmp_path / "ip").exists()


@pytest.mark.parametrize("wrong", [0, -1, True, 2.5, "3", None])
def test_a_number_of_random_samples_is_one_or_more(wrong: Any) -> None:
    with pytest.raises(SamplesError, match=r"^count\b"):
        Samples.random(NET, wrong, 0)
    if wrong is not None:
        with pytest.raises(SamplesError, match=r"^steps\b"):
            Samples.random(NET, 3, 0, steps=wrong)
