"""The fuzzer itself, on planted faults; and every case that it ever saved, run again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import fuzz
import fuzzing
import numpy as np
import pytest
from fuzzing import Stalls, Trial, difference
from random_networks import reference_variant

from rfssm.hls import engines
from rfssm.hls.design import Design
from rfssm.hls.emit.project import design_sources
from rfssm.hls.engines import icarus
from rfssm.quant import golden
from rfssm.quant.samples import Outputs

CASES = sorted((Path(__file__).parent / "cases").glob("*/case.json"))
HALF_DOWN = {
    "        return floor + 1 if 2 * rest >= one else floor\n": (
        "        return floor + 1 if 2 * rest > one else floor\n"
    )
}


def in_reference(edits: Mapping[str, str]) -> fuzzing.Engine:
    """The reference as an engine, with a fault in its text."""
    faulty = reference_variant(edits)

    def run(trial: Trial) -> Outputs:
        tensors = {name: np.asarray(array) for name, array in trial.network.tensors().items()}
        answer = faulty.run(trial.network.metadata(), tensors, trial.samples.x, trial.samples.steps)

        def arrays(name: str, dtype: type) -> tuple[np.ndarray, ...]:
            count = len(trial.network.layers)
            return tuple(np.array(answer[f"{name}.{i}"], dtype=dtype) for i in range(count))

        return Outputs(
            np.array(answer["scores"]), np.array(answer["label"]),
            arrays("spikes", bool), arrays("u", np.int64), arrays("v", np.int64),
        )  # fmt: skip

    return run


def in_icarus(file: str, old: str, new: str) -> fuzzing.Engine:
    """The RTL in Icarus, with a fault in one of its files."""

    def run(trial: Trial) -> Outputs:
        sources = dict(design_sources(Design.of(trial.network, trial.lanes, "dut")))
        assert sources[file].count(old.encode()) == 1
        sources[file] = sources[file].replace(old.encode(), new.encode())
        return icarus.run(trial.network, trial.samples, spikes=True, states=True,
                          lanes=trial.lanes, sources=sources)  # fmt: skip

    return run


def first_failure(engine: fuzzing.Engine, folder: Path, families: int) -> tuple[Trial, Trial, str]:
    """What the fuzzer saves of the first failure it finds: found, small, message."""
    for seed in range(1, 5 * families, 5):
        for trial in fuzzing.family(seed):
            if message := difference(trial, engine):
                told = fuzzing.record(
                    trial, "planted", engine, seed, message, folder / "cases", folder / "hypothesis"
                )
                (case,) = (folder / "cases").iterdir()
                assert told.startswith(case.name)
                assert str(seed) in case.name
                return (
                    trial,
                    fuzzing.load(case),
                    json.loads((case / "case.json").read_text())["message"],
                )
    pytest.fail("the planted fault was not found")


def size(trial: Trial) -> int:
    return trial.samples.x.size + sum(array.size for array in trial.network.tensors().values())


def test_a_planted_fault_is_found_made_small_and_saved(tmp_path: Path) -> None:
    engine = in_reference(HALF_DOWN)
    found, small, message = first_failure(engine, tmp_path, 20)
    assert size(small) < size(found) / 4
    assert len(small.samples) == 1
    assert small.width + small.network.readout.classes <= 3
    assert "expected" in message
    assert difference(small, engine) == message
    assert difference(small, in_reference({})) == ""


@pytest.mark.rtl
def test_a_fault_planted_in_the_rtl_is_found_made_small_and_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why := engines.missing("icarus"):
        pytest.skip(f"engine icarus: {why}")
    monkeypatch.setenv("RFSSM_CACHE", str(tmp_path / "cache"))
    engine = in_icarus("rfssm_saturate.sv", "{(Y_W-1){!sign}}", "{(Y_W-2){!sign}}, 1'b1")
    found, small, message = first_failure(engine, tmp_path, 5)
    assert size(small) < size(found)
    assert difference(small, engine) == message
    assert difference(small, fuzzing.run_icarus) == ""


def test_an_engine_that_does_not_run_is_a_finding() -> None:
    def broken(trial: Trial) -> Outputs:
        raise RuntimeError("no beat in 20 cycles")

    trial = next(fuzzing.family(1))
    assert difference(trial, broken) == "RuntimeError: no beat in 20 cycles"


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_tally_goes_on_and_a_dead_process_is_a_failure(tmp_path: Path) -> None:
    def fine(trial: Trial) -> Outputs:
        return golden.run(trial.network, trial.samples, spikes=True, states=True)

    def dies(trial: Trial) -> Outputs:
        os._exit(3)

    path = tmp_path / "tally.json"
    some = {"fine": fine}
    fuzz.fuzz(fuzz.Tally(first_seed=5, next_seed=5), path, some, tmp_path, minutes=1, families=2)
    tally = fuzz.Tally.load(path, first_seed=1)
    assert (tally.first_seed, tally.next_seed, tally.families, tally.failures) == (5, 7, 2, [])
    expected = [trial for seed in (5, 6) for trial in fuzzing.family(seed)]
    assert tally.counts["fine"] == tally.counts["any"]
    assert tally.counts["fine"].updates == sum(trial.updates for trial in expected)
    assert tally.counts["fine"].networks == len({t.network.digest() for t in expected})

    fuzz.fuzz(tally, path, {"dies": dies}, tmp_path, minutes=1, jobs=2, families=2)
    tally = fuzz.Tally.load(path, first_seed=1)
    assert tally.next_seed == 9
    assert sorted(tally.failures) == [
        f"seed {seed}: the process ended with status 3" for seed in (7, 8)
    ]


def test_siblings_are_other_networks_of_one_shape() -> None:
    trials = list(fuzzing.family(2))
    assert len({trial.network.digest() for trial in trials}) == len(trials) == 8
    texts = set()
    for trial in trials:
        sources = design_sources(Design.of(trial.network, trial.lanes, "dut"))
        texts.add(tuple(sorted((n, t) for n, t in sources.items() if not n.endswith(".mem"))))
    assert len(texts) == 1


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param("csim", marks=pytest.mark.hls),
        pytest.param("verilator", marks=pytest.mark.rtl),
        pytest.param("icarus", marks=pytest.mark.rtl),
    ],
)
def test_networks_of_one_shape_are_compiled_once(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why := engines.missing(engine):
        pytest.skip(f"engine {engine}: {why}")
    one, two = list(fuzzing.family(2))[:2]
    fuzz.own_cache(tmp_path)
    monkeypatch.setenv("RFSSM_CACHE", str(tmp_path))
    assert difference(one, fuzzing.ENGINES[engine]) == ""
    assert difference(two, fuzzing.ENGINES[engine]) == ""
    compiled = tmp_path / ("csim-code" if engine == "csim" else engine)
    assert len(list(compiled.iterdir())) == 1


def test_a_long_trial_is_long_and_each_part_is_somebodys() -> None:
    trials = list(fuzzing.family(fuzzing.LONG_EVERY - 1))
    assert sum(trial.updates for trial in trials) > 10_000_000
    assert {trial.only for trial in trials} == {"", "csim", "verilator"}
    part = fuzzing.given_to("icarus", trials[0])
    assert 0 < part.updates <= 2 * fuzzing.ICARUS_UPDATES
    assert fuzzing.given_to("csim", trials[0]) is trials[0]


def test_a_saved_case_is_the_trial(tmp_path: Path) -> None:
    trial = replace(next(fuzzing.family(3)), stalls=Stalls(0.5, 0.25, True, True, 7, 9))
    folder = fuzzing.save(trial, "icarus", 3, "why", tmp_path)
    again = fuzzing.load(folder)
    assert again.network.digest() == trial.network.digest()
    assert (again.lanes, again.stalls) == (trial.lanes, trial.stalls)
    np.testing.assert_array_equal(again.samples.x, trial.samples.x)
    np.testing.assert_array_equal(again.samples.steps, trial.samples.steps)


@pytest.mark.parametrize("engine", fuzzing.ENGINES)
def test_saved_cases_agree(engine: str) -> None:
    """Every failure of old, in every engine."""
    if why := engines.missing(engine):
        pytest.skip(f"engine {engine}: {why}")
    for case in CASES:
        trial = fuzzing.load(case.parent)
        assert difference(trial, fuzzing.ENGINES[engine]) == "", case.parent.name


def test_a_run_in_which_nothing_was_compared_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["fuzz", "--minutes=0", f"--tally={tmp_path / 'tally.json'}"])
    monkeypatch.setattr(fuzz, "warm_up", lambda run: None)
    monkeypatch.setattr(engines, "missing", lambda name: None)
    assert fuzz.main() == 1
    assert "nothing was compared" in capsys.readouterr().out
