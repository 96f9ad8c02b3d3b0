"""Run engines on the same samples and compare all their outputs with the golden model."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from rfssm.errors import RfssmError, ToolError, check_list
from rfssm.hls import engines
from rfssm.progress import EngineProgress, no_progress
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Difference, Samples, check_call, compare

if TYPE_CHECKING:
    from rfssm.hls.design import LaneChoice

RANDOM_SAMPLES = 16
RANDOM_STEPS = 64
"""The steps of a random sample, at most, even if the network takes longer samples."""


@dataclass(frozen=True)
class EngineResult:
    """The result of one engine: the numbers that were compared with the golden model's."""

    engine: str
    samples: int
    spikes: int  # of real steps only: the padding beyond a sample's end is compared, not counted
    states: int
    scores: int
    seconds: float
    differences: tuple[Difference, ...] = ()
    missing: str | None = None  # why the engine could not run, and what to install

    @property
    def verdict(self) -> str:
        """The result in one word: missing, reference, differs or equal."""
        if self.missing is not None:
            return "missing"
        if self.engine == "golden":
            return "reference"
        return "differs" if self.differences else "equal"


@dataclass(frozen=True)
class VerifyReport:
    """The results of all requested engines, the golden model first."""

    network: str
    results: tuple[EngineResult, ...]

    @property
    def compared(self) -> tuple[str, ...]:
        """The engines whose outputs were compared with the golden model's."""
        return tuple(r.engine for r in self.results if r.verdict in ("equal", "differs"))

    @property
    def equal(self) -> bool:
        """Whether at least one engine was compared, and none differs from the golden model.

        An equality that was not checked is not success.
        """
        return bool(self.compared) and self.first_difference is None

    @property
    def first_difference(self) -> tuple[str, Difference] | None:
        """The first engine that differs, and the first number in which it does."""
        for result in self.results:
            if result.differences:
                return result.engine, result.differences[0]
        return None

    def to_json(self) -> dict[str, object]:
        """Return the report in plain JSON values."""
        results = [{**asdict(result), "verdict": result.verdict} for result in self.results]
        return {"network": self.network, "equal": self.equal, "engines": results}


def verify_network(
    network: IntegerNetwork,
    samples: Samples,
    names: Sequence[str] | None = None,
    *,
    at_most: Mapping[str, int] | None = None,
    lanes: LaneChoice | None = None,
    progress: EngineProgress | None = None,
) -> VerifyReport:
    """Compare spikes, states, scores and labels of engines with the golden model, with ``==``.

    names      engines to compare; ToolError is raised if one cannot run here.  If absent, those of
               ``BY_DEFAULT`` are compared, and an engine that cannot run is reported as missing
    at_most    for some engines, the number of the first samples that the engine runs, at most

    Raises RfssmError for names without an engine to compare with the golden model.
    """
    check_call(network, samples)
    check_list("engines", names)
    wanted = list(dict.fromkeys(names if names is not None else engines.BY_DEFAULT))
    if not set(wanted) - {"golden"}:
        others = ", ".join(name for name in engines.ENGINES if name != "golden")
        raise RfssmError(
            f"engines = {', '.join(wanted) or 'none'}: the golden model is what engines are "
            f"compared with; name at least one of {others}"
        )
    for name, count in (at_most or {}).items():
        if count < 1:
            raise RfssmError(
                f"at_most: {name} = {count}: must be 1 or more, or nothing is compared"
            )
    missing = {name: reason for name in wanted if (reason := engines.missing(name)) is not None}
    if names is not None and missing:
        raise ToolError("; ".join(f"engine {name}: {reason}" for name, reason in missing.items()))

    progress = progress or no_progress
    progress("golden", 0, len(samples))
    begin = time.perf_counter()
    expected = golden.run(network, samples, spikes=True, states=True)
    seconds = time.perf_counter() - begin
    progress("golden", len(samples), len(samples))
    results = [_result("golden", network, samples, seconds, ())]
    for name in wanted:
        if name == "golden":
            continue
        if name in missing:
            results.append(EngineResult(name, 0, 0, 0, 0, 0.0, missing=missing[name]))
            continue
        given, wants = samples, expected
        if at_most is not None and at_most.get(name, len(samples)) < len(samples):
            given = samples[: at_most[name]]
            wants = golden.run(network, given, spikes=True, states=True)
        progress(name, 0, len(given))  # building may take longer than running
        begin = time.perf_counter()
        got = engines.run(
            network,
            given,
            name,
            spikes=True,
            states=True,
            lanes=lanes,
            progress=partial(progress, name),
        )
        seconds = time.perf_counter() - begin
        differences = tuple(compare(wants, got))
        results.append(_result(name, network, given, seconds, differences))
    return VerifyReport(network.name, tuple(results))


def random_samples(network: IntegerNetwork, count: int, seed: int) -> Samples:
    """Return random samples over the network's input range, short enough for every engine."""
    return Samples.random(network, count, seed, steps=RANDOM_STEPS)


def _result(
    name: str,
    network: IntegerNetwork,
    samples: Samples,
    seconds: float,
    differences: tuple[Difference, ...],
) -> EngineResult:
    steps = int(samples.steps.sum())
    spikes = steps * sum(layer.neurons for layer in network.layers)
    rows = steps if network.readout.score == "each" else len(samples)
    scores = rows * network.readout.classes
    return EngineResult(name, len(samples), spikes, 2 * spikes, scores, seconds, differences)
