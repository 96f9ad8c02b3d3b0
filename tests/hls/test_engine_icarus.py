"""The RTL in Icarus equals the golden model, and no undefined bit gets out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from random_networks import random_case
from rtl_cases import CASES, network, samples_for

from rfssm.errors import ToolError
from rfssm.hls.design import Lanes
from rfssm.hls.engines import icarus, missing, run
from rfssm.quant import golden
from rfssm.quant.samples import compare

pytestmark = [
    pytest.mark.rtl,
    pytest.mark.skipif(
        shutil.which("iverilog") is None and not os.environ.get("CI"),
        reason="Icarus Verilog is not installed",
    ),
]


@pytest.mark.parametrize("name", CASES)
def test_corner_networks_equal_golden(name: str) -> None:
    net = CASES[name]()
    samples = samples_for(net)
    expected = golden.run(net, samples, spikes=True, states=True)
    for source, sink in ((1.0, 1.0), (0.5, 0.4)):
        got = icarus.run(
            net,
            samples,
            spikes=True,
            states=True,
            lanes=Lanes(4, 2),
            source_chance=source,
            sink_chance=sink,
            shuffle=source < 1,
        )
        assert compare(expected, got) == []


def test_a_relative_cache_is_used_and_a_damaged_build_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RFSSM_CACHE", "cache")
    net = network([{}])
    samples = samples_for(net)
    expected = golden.run(net, samples, spikes=True, states=True)
    assert compare(expected, icarus.run(net, samples, spikes=True, states=True)) == []
    (program,) = tmp_path.glob("cache/icarus/*/bench.vvp")
    for damage in (lambda: os.truncate(program, program.stat().st_size // 2), program.unlink):
        damage()
        assert compare(expected, icarus.run(net, samples, spikes=True, states=True)) == []


@pytest.mark.parametrize("seed", range(2000, 2008))
def test_random_networks_equal_golden(seed: int) -> None:
    case = random_case(seed)
    net, samples = case.network(), case.samples()
    expected = golden.run(net, samples, spikes=True, states=True)
    got = icarus.run(
        net,
        samples,
        spikes=True,
        states=True,
        lanes=case.lanes(),
        source_chance=0.6,
        sink_chance=0.5,
        shuffle=True,
    )
    assert compare(expected, got) == []


def test_only_what_is_asked_for_is_returned() -> None:
    net = network([{}])
    samples = samples_for(net)
    assert compare(golden.run(net, samples), icarus.run(net, samples)) == []
    assert icarus.run(net, samples).spikes is None
    with_spikes = icarus.run(net, samples, spikes=True)
    assert with_spikes.spikes is not None
    assert with_spikes.u is None


def test_progress_counts_samples() -> None:
    net = network([{}])
    samples = samples_for(net)
    told: list[tuple[int, int]] = []
    run(net, samples, "icarus", progress=lambda done, total: told.append((done, total)))
    assert told == [(k + 1, len(samples)) for k in range(len(samples))]


def test_a_hung_simulation_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network([{}])
    monkeypatch.setattr(icarus.packets, "packet_beats", lambda *_: 1000)  # more than will come
    with pytest.raises(ToolError, match="hangs"):
        icarus.run(net, samples_for(net))


def test_missing_icarus_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "install iverilog" in str(missing("icarus"))
    net = network([{}])
    with pytest.raises(ToolError, match="install iverilog"):
        icarus.run(net, samples_for(net))
