"""The RTL in Verilator equals the golden model, whatever stalls, resets and lanes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fuzz import own_cache as share_what_serves_all
from random_networks import random_case
from rtl_cases import CASES, network, samples_for

from rfssm import cache
from rfssm.errors import SamplesError, ToolError
from rfssm.hls import toolchain
from rfssm.hls.design import Lanes
from rfssm.hls.engines import missing, run, verilator
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples, compare

pytestmark = pytest.mark.rtl

STALLS = [(1.0, 1.0), (0.3, 1.0), (1.0, 0.2), (0.5, 0.4)]  # none, source, sink, both


def assert_equal(net: IntegerNetwork, samples: Samples, **options: object) -> None:
    expected = golden.run(net, samples, spikes=True, states=True)
    got = verilator.simulate(net, samples, spikes=True, states=True, **options)  # type: ignore[arg-type]
    assert compare(expected, got.outputs) == []


@pytest.mark.parametrize("name", CASES)
def test_corner_networks_equal_golden_under_four_stall_patterns(name: str) -> None:
    net = CASES[name]()
    samples = samples_for(net)
    for k, (source, sink) in enumerate(STALLS):
        assert_equal(
            net,
            samples,
            lanes=Lanes(4, 2),
            source_chance=source,
            sink_chance=sink,
            shuffle=k > 0,
            seed=k + 1,
        )


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_equal_golden(seed: int) -> None:
    case = random_case(1000 + seed)
    for source, sink in STALLS:
        assert_equal(
            case.network(),
            case.samples(),
            lanes=case.lanes(),
            source_chance=source,
            sink_chance=sink,
            shuffle=True,
            seed=seed,
        )


@pytest.mark.parametrize(("synapse", "neuron"), [(1, 1), (2, 1), (16, 1), (8, 4), (16, 16)])
def test_lanes_change_nothing_but_time(synapse: int, neuron: int) -> None:
    net = network([{"neurons": 13, "reset": True}, {"neurons": 13, "skip": True}], classes=5)
    assert_equal(net, samples_for(net), lanes=Lanes(synapse, neuron))


@pytest.mark.parametrize("cycles", [1, 37, 150, 333])
def test_reset_in_mid_sample_leaves_no_trace(cycles: int) -> None:
    net = network(
        [{"neurons": 5, "skip": True, "reset": True}, {"neurons": 5, "skip": True}],
        bits=3,
        score="each",
    )
    assert_equal(net, samples_for(net), lanes=Lanes(2, 2), sink_chance=0.5, reset_after=cycles)


@pytest.mark.parametrize("name", CASES)
def test_dense_beats_give_the_same_scores(name: str) -> None:
    net = CASES[name]()
    samples = samples_for(net)
    expected = golden.run(net, samples)
    for source, sink in STALLS:
        got = verilator.simulate(net, samples, dense=True, source_chance=source, sink_chance=sink)
        assert compare(expected, got.outputs) == []


def test_states_in_block_memory_equal_golden() -> None:
    net = network([{"neurons": 70, "reset": True}])
    assert_equal(net, samples_for(net), lanes=Lanes(8, 1))  # 70 chunks: more than LUTs are used for


def test_a_packet_leaves_per_step_while_the_sink_hardly_takes_any() -> None:
    net = network([{}], score="each", classes=7)
    samples = samples_for(net, count=8)
    assert_equal(net, samples, sink_chance=0.06)


def test_cycle_counts_are_told() -> None:
    net = network([{}], classes=3)
    samples = samples_for(net)
    done = verilator.simulate(net, samples)
    total = int(samples.steps.sum())
    assert done.accepted.shape == (total,)
    assert done.scored.shape == (len(samples) * 4,)
    assert (np.diff(done.accepted) >= 1).all()
    assert (np.diff(done.scored) >= 1).all()
    ends = np.cumsum(samples.steps) - 1
    assert (done.scored[3::4] > done.accepted[ends]).all()
    assert done.cycles > done.scored[-1]


def test_progress_ends_at_all_samples() -> None:
    net = network([{}])
    samples = samples_for(net)
    told: list[tuple[int, int]] = []
    run(net, samples, "verilator", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(samples), len(samples))


def test_bad_samples_are_refused_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RFSSM_CACHE", str(tmp_path / "cache"))
    net = network([{}])
    with pytest.raises(SamplesError):
        verilator.run(net, Samples(np.full((1, 1, 5), 2), np.array([1])))
    assert not (tmp_path / "cache").exists()


# -- builds ----------------------------------------------------------------------------------------


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    folder = tmp_path / "cache"
    folder.mkdir()
    share_what_serves_all(folder)
    monkeypatch.setenv("RFSSM_CACHE", str(folder))
    return folder


def test_second_run_builds_nothing(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = network([{}], seed=5)
    samples = samples_for(net)
    first = verilator.run(net, samples)

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("something was built")

    monkeypatch.setattr(toolchain, "run_tool", refuse)
    renamed = net.model_copy(update={"name": "another name"})
    assert compare(first, verilator.run(renamed, samples)) == []


def test_failed_build_leaves_nothing(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = network([{}], seed=6)

    def fail(*_: object, **__: object) -> str:
        raise ToolError("g++ failed with status 1")

    monkeypatch.setattr(toolchain, "verilate", fail)
    with pytest.raises(ToolError, match="status 1"):
        verilator.run(net, samples_for(net))
    assert list((own_cache / "verilator").iterdir()) == []


def test_missing_compiler_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "install g++" in str(missing("verilator"))
    net = network([{}], seed=7)
    with pytest.raises(ToolError, match="no-such-compiler"):
        verilator.run(net, samples_for(net))


def test_a_hung_simulation_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network([{}])
    monkeypatch.setattr(verilator.packets, "packet_beats", lambda *_: 1000)  # more than will come
    with pytest.raises(ToolError, match="hangs"):
        verilator.run(net, samples_for(net))


def start(code: str) -> subprocess.Popen[str]:
    """Another Python process with the same cache."""
    return subprocess.Popen(
        [sys.executable, "-c", f"import time\nfrom rfssm.cache import cached\n{code}"],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_killed_build_is_never_mistaken_for_a_result(own_cache: Path) -> None:
    process = start(
        "def build(folder):\n"
        "    (folder / 'half').touch()\n"
        "    print('building', flush=True)\n"
        "    time.sleep(60)\n"
        "cached('killed', ['key'], build)"
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "building\n"
        process.kill()
    built = []

    def build(folder: Path) -> None:
        (folder / "whole").touch()
        built.append(folder)

    folder = cache.cached("killed", ["key"], build)
    assert len(built) == 1
    assert {path.name for path in folder.iterdir()} == {"whole", ".contents.json"}


def test_of_processes_at_once_one_builds_and_the_others_wait(own_cache: Path) -> None:
    code = (
        "def build(folder):\n"
        "    print('built')\n"
        "    (folder / 'value').write_text('same')\n"
        "    time.sleep(0.5)\n"
        "print((cached('race', ['key'], build) / 'value').read_text())"
    )
    processes = [start(code) for _ in range(3)]
    said = sorted(process.communicate()[0] for process in processes)
    assert said == ["built\nsame\n", "same\n", "same\n"]
    assert len(list((own_cache / "race").iterdir())) == 1


def test_where_nothing_can_be_locked_builds_at_once_do_no_harm(own_cache: Path) -> None:
    code = (
        "import fcntl\n"
        "def refuse(*_):\n"
        "    raise OSError(37, 'No locks available')\n"
        "fcntl.lockf = refuse\n"
        "def build(folder):\n"
        "    (folder / 'value').write_text('same')\n"
        "    time.sleep(0.5)\n"
        "print((cached('race', ['key'], build) / 'value').read_text())"
    )
    processes = [start(code) for _ in range(3)]
    assert [process.communicate()[0] for process in processes] == ["same\n"] * 3
    assert len(list((own_cache / "race").iterdir())) == 1


def test_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("RFSSM_CACHE", str(blocked))
    with pytest.raises(ToolError, match="RFSSM_CACHE"):
        cache.cached("kind", ["key"], lambda path: None)
