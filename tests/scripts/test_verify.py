"""``rfssm verify``: engines against the golden model, and faults planted in one of them.

The engines here are the golden model under other names, so that only the comparison is tested; what
the real ones say is tested with them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rfssm.errors import RfssmError, ToolError
from rfssm.hls import engines
from rfssm.hls.verify import random_samples, verify_network
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples

from .conftest import Finished

Alter = Callable[[Outputs], Outputs]


class Stand:
    """Stands in for ``rfssm.hls.engines``: counts its calls, alters one engine's outputs."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.alter: dict[str, Alter] = {}
        self.missing: dict[str, str] = {}

    def run(
        self, network: IntegerNetwork, samples: Samples, engine: str, **told: object
    ) -> Outputs:
        assert told["spikes"]
        assert told["states"]
        self.calls.append((engine, len(samples)))
        outputs = golden.run(network, samples, spikes=True, states=True)
        return self.alter.get(engine, lambda same: same)(outputs)


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    stand = Stand()
    monkeypatch.setattr(engines, "run", stand.run)
    monkeypatch.setattr(engines, "missing", stand.missing.get)
    return stand


def _changed(arrays: tuple[np.ndarray, ...], layer: int, at: tuple[int, ...], by: int) -> tuple:
    altered = arrays[layer].copy()
    altered[at] = altered[at] ^ by
    return (*arrays[:layer], altered, *arrays[layer + 1 :])


def _flip_state_bit(outputs: Outputs) -> Outputs:
    return replace(outputs, v=_changed(outputs.v, 1, (2, 3, 4), 1))


def _drop_spike(outputs: Outputs) -> Outputs:
    at = tuple(np.argwhere(outputs.spikes[0])[0])
    return replace(outputs, spikes=_changed(outputs.spikes, 0, at, 1))


def _change_label(outputs: Outputs) -> Outputs:
    label = outputs.label.copy()
    label[5] = (label[5] + 1) % 3
    return replace(outputs, label=label)


def _change_score(outputs: Outputs) -> Outputs:
    scores = outputs.scores.copy()
    scores[4, 2] += 1
    return replace(outputs, scores=scores)


def _forget_states(outputs: Outputs) -> Outputs:
    return replace(outputs, u=None, v=None)


def test_equal_engines_end_in_a_table_and_status_0(
    rfssm: Callable[..., Finished], stand: Stand, network_file: Path, input_file: Path,
    samples: Samples,
) -> None:  # fmt: skip
    done = rfssm("verify", network_file, "--input", input_file)
    assert (done.status, done.err) == (0, "")
    assert stand.calls == [("csim", 6), ("verilator", 6), ("icarus", 6)]
    spikes = int(samples.steps.sum()) * 10
    for engine in ("csim", "verilator", "icarus"):
        (row,) = [line for line in done.out.splitlines() if f"│ {engine} " in line]
        cells = [cell.strip() for cell in row.strip("│").split("│")]
        assert cells[:5] == [engine, "6", f"{spikes:,}", f"{2 * spikes:,}", "18"]
        assert cells[6] == "yes"


def test_json_of_equal_engines(
    rfssm: Callable[..., Finished], stand: Stand, network_file: Path, input_file: Path
) -> None:
    done = rfssm("verify", network_file, "--input", input_file, "--engines", "csim", "--json")
    told = json.loads(done.out)
    assert told["equal"] is True
    assert [(e["engine"], e["verdict"]) for e in told["engines"]] == [
        ("golden", "reference"),
        ("csim", "equal"),
    ]


@pytest.mark.parametrize("engine", ["csim", "verilator", "icarus"])
@pytest.mark.parametrize(
    ("fault", "place"),
    [
        (_flip_state_bit, "v.1[2, 3, 4]: expected "),
        (_drop_spike, "spikes.0["),
        (_change_label, "label[5]: expected "),
        (_change_score, "scores[4, 2]: expected "),
        (_forget_states, "u.0: expected present, got absent"),
    ],
)
def test_a_planted_fault_is_found_and_named(
    rfssm: Callable[..., Finished], stand: Stand, network_file: Path, input_file: Path,
    engine: str, fault: Alter, place: str,
) -> None:  # fmt: skip
    stand.alter[engine] = fault
    done = rfssm("verify", network_file, "--input", input_file)
    assert (done.status, done.err) == (1, "")
    (note,) = [line for line in done.out.splitlines() if "differs from golden" in line]
    assert note.startswith(f"{engine} differs from golden at {place}")

    told = json.loads(rfssm("verify", network_file, "--input", input_file, "--json").out)
    assert told["equal"] is False
    verdicts = {e["engine"]: e["verdict"] for e in told["engines"]}
    assert [name for name, verdict in verdicts.items() if verdict == "differs"] == [engine]
    (differing,) = [e for e in told["engines"] if e["differences"]]
    assert place.startswith(differing["differences"][0]["key"])


def test_an_engine_that_cannot_run_is_shown_with_what_to_install(
    rfssm: Callable[..., Finished], stand: Stand, network_file: Path
) -> None:
    stand.missing["icarus"] = "iverilog not found: install the system's package iverilog"
    done = rfssm("verify", network_file)
    assert done.status == 0
    assert [name for name, _ in stand.calls] == ["csim", "verilator"]
    assert "cannot run here" in done.out
    assert "icarus cannot run here: iverilog not found: install the system's package" in done.out
    told = json.loads(rfssm("verify", network_file, "--json").out)
    assert [e["verdict"] for e in told["engines"]] == ["reference", "equal", "equal", "missing"]


def test_an_engine_that_was_asked_for_must_run(
    refused: Callable[..., str], stand: Stand, network_file: Path
) -> None:
    stand.missing["icarus"] = "iverilog not found: install the system's package iverilog"
    said = refused("verify", network_file, "--engines", "csim,icarus")
    assert said == "engine icarus: iverilog not found: install the system's package iverilog"
    assert stand.calls == []


def test_an_equality_that_was_not_checked_is_no_success(
    rfssm: Callable[..., Finished], stand: Stand, network_file: Path
) -> None:
    stand.missing |= dict.fromkeys(("csim", "verilator", "icarus"), "not installed")
    done = rfssm("verify", network_file)
    assert (done.status, stand.calls) == (1, [])
    assert done.err == "nothing was compared: no engine can run here\n"
    done = rfssm("verify", network_file, "--json")
    assert (done.status, json.loads(done.out)["equal"]) == (1, False)


@pytest.mark.parametrize("names", ["golden", "golden,golden"])
def test_the_golden_model_alone_is_refused(
    refused: Callable[..., str], network_file: Path, names: str
) -> None:
    said = refused("verify", network_file, "--engines", names)
    assert said.startswith("engines = golden: the golden model is what engines are compared with; ")
    assert "name at least one of csim, verilator, icarus, netlist" in said


def test_verify_network_without_any_engine_is_refused(
    network: IntegerNetwork, samples: Samples
) -> None:
    with pytest.raises(RfssmError, match=r"engines = none: .*; name at least one of csim, "):
        verify_network(network, samples, [])


@pytest.mark.parametrize("count", [0, -1])
def test_a_limit_that_leaves_nothing_to_compare_is_refused(
    network: IntegerNetwork, samples: Samples, count: int
) -> None:
    with pytest.raises(RfssmError, match=f"at_most: csim = {count}: must be 1 or more"):
        verify_network(network, samples, ["csim"], at_most={"csim": count})


def test_an_unknown_engine_is_refused(refused: Callable[..., str], network_file: Path) -> None:
    said = refused("verify", network_file, "--engines", "csim,abacus")
    assert said.startswith("engine = 'abacus': must be one of golden, csim, verilator, icarus, ")


def test_samples_limits_what_a_file_holds(
    rfssm: Callable[..., Finished], stand: Stand, network_file: Path, input_file: Path
) -> None:
    rfssm("verify", network_file, "--input", input_file, "--samples", 2, "--engines", "csim")
    rfssm("verify", network_file, "--samples", 3, "--engines", "csim")
    assert stand.calls == [("csim", 2), ("csim", 3)]


def test_random_samples_depend_on_the_seed_alone_and_reach_both_ends(
    network: IntegerNetwork,
) -> None:
    first, again = random_samples(network, 20, 5), random_samples(network, 20, 5)
    np.testing.assert_array_equal(first.x, again.x)
    assert (random_samples(network, 20, 6).x != first.x).any()
    assert (first.x.min(), first.x.max()) == (network.input.low, network.input.high)


def test_a_limited_engine_gets_the_first_samples(
    stand: Stand, network: IntegerNetwork, samples: Samples
) -> None:
    report = verify_network(network, samples, at_most={"icarus": 2, "csim": 100})
    assert stand.calls == [("csim", 6), ("verilator", 6), ("icarus", 2)]
    assert report.equal
    assert [result.samples for result in report.results] == [6, 6, 6, 2]
    assert report.results[3].spikes == int(samples.steps[:2].sum()) * 10


def test_verify_network_raises_for_an_engine_that_cannot_run(
    stand: Stand, network: IntegerNetwork, samples: Samples
) -> None:
    stand.missing["csim"] = "no g++"
    with pytest.raises(ToolError, match=r"engine csim: no g\+\+"):
        verify_network(network, samples, ["csim"])


def test_progress_is_told_per_engine(
    monkeypatch: pytest.MonkeyPatch, network: IntegerNetwork, samples: Samples
) -> None:
    def run(network: IntegerNetwork, samples: Samples, engine: str, **told: object) -> Outputs:
        told["progress"](3, 6)  # type: ignore[operator]
        return golden.run(network, samples, spikes=True, states=True)

    heard: list[tuple[str, int, int]] = []
    monkeypatch.setattr(engines, "run", run)
    monkeypatch.setattr(engines, "missing", lambda name: None)
    verify_network(network, samples, ["csim"], progress=lambda *told: heard.append(told))
    assert heard == [("golden", 0, 6), ("golden", 6, 6), ("csim", 0, 6), ("csim", 3, 6)]
