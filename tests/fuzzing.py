"""Draw the trials of the fuzzer, run them in engines, and shrink failures.

A trial is a network, samples, lanes and stalls. Engines are compiled once per *shape*: everything
but the numbers in a network's memories. So trials come in families whose networks have one shape:
a random network, and other networks with the same numbers in other orders.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import hypothesis
import numpy as np
from hypothesis import Phase, strategies
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.database import DirectoryBasedExampleDatabase
from numpy.random import Generator
from random_networks import LARGE, SMALL, Case, Size, chance, random_case

from rfssm.errors import NetworkError
from rfssm.hls.design import Lanes
from rfssm.hls.engines import csim, icarus, verilator
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples, compare

SIBLINGS = 7
PART_UPDATES = 2_000_000  # neurons times steps that are in memory at once
PARTS = 10  # of a long trial
ICARUS_UPDATES = 5_000  # neurons times steps of a long trial in the slowest engine
LONG = Size(width=64, steps=30, samples=4, depth=3)
LONG_EVERY = 5  # families
LARGE_EVERY = 25


@dataclass(frozen=True)
class Stalls:
    """The stalls of source and sink, for the engines that have streams."""

    source: float = 1.0
    sink: float = 1.0
    shuffle: bool = False
    alone: bool = False  # this and the next field are for Verilator only
    reset_after: int = 0
    seed: int = 1


@dataclass(frozen=True, eq=False)
class Trial:
    """One run that all engines must agree on."""

    network: IntegerNetwork
    samples: Samples
    lanes: tuple[Lanes, ...]  # one for each layer
    stalls: Stalls = field(default_factory=Stalls)
    only: str = ""  # the only engine that runs the trial; empty for all engines

    @property
    def updates(self) -> int:
        """The number of pairs (u, v) that are computed: neurons times steps, without padding."""
        return int(self.samples.steps.sum()) * self.width

    @property
    def width(self) -> int:
        return sum(layer.neurons for layer in self.network.layers)


Engine = Callable[[Trial], Outputs]


def run_csim(trial: Trial) -> Outputs:
    return csim.run(trial.network, trial.samples, spikes=True, states=True, lanes=trial.lanes)


def run_verilator(trial: Trial) -> Outputs:
    s = trial.stalls
    return verilator.simulate(
        trial.network, trial.samples, spikes=True, states=True, lanes=trial.lanes,
        source_chance=s.source, sink_chance=s.sink, shuffle=s.shuffle, alone=s.alone,
        reset_after=s.reset_after, seed=s.seed,
    ).outputs  # fmt: skip


def run_icarus(trial: Trial) -> Outputs:
    s = trial.stalls
    return icarus.run(
        trial.network, trial.samples, spikes=True, states=True, lanes=trial.lanes,
        source_chance=s.source, sink_chance=s.sink, shuffle=s.shuffle, seed=s.seed,
    )  # fmt: skip


ENGINES: dict[str, Engine] = {"csim": run_csim, "verilator": run_verilator, "icarus": run_icarus}


def given_to(engine: str, trial: Trial) -> Trial:
    """Return the part of a trial that an engine runs: all, or for Icarus about a second's work."""
    if engine != "icarus" or trial.updates <= 20 * ICARUS_UPDATES:
        return trial
    x, steps = trial.samples.x, trial.samples.steps
    longest = min(x.shape[1], max(1, ICARUS_UPDATES // (2 * trial.width)))
    count = max(1, ICARUS_UPDATES // (longest * trial.width))
    return replace(trial, samples=Samples(x[:count, :longest], np.minimum(steps[:count], longest)))


def difference(trial: Trial, run: Engine, expected: Outputs | None = None) -> str:
    """Return how an engine's outputs differ from the golden model's, or its error, or "".

    Scores, labels, spikes of every layer and both states after every step are compared.
    """
    if expected is None:
        expected = golden.run(trial.network, trial.samples, spikes=True, states=True)
    try:
        got = run(trial)
    except Exception as error:  # every error is a finding
        return f"{type(error).__name__}: {error}"
    return "; ".join(map(str, compare(expected, got)))


# ---------------------------------------------------------------------------------------------
# Drawing
# ---------------------------------------------------------------------------------------------


def family(seed: int) -> Iterator[Trial]:
    """Yield the trials of a seed: a network with its siblings, or one with very long input."""
    rng = np.random.default_rng([seed, 1])
    if seed % LONG_EVERY == LONG_EVERY - 1:
        yield from long_trials(seed, rng)
        return
    case = random_case(seed, LARGE if seed % LARGE_EVERY == 0 else SMALL)
    yield Trial(case.network(), case.samples(), case.lanes_of_each, draw_stalls(rng))
    for _ in range(SIBLINGS):
        network = sibling(case, rng)
        if network is not None:
            yield Trial(
                network, shuffled(case.samples(), rng), case.lanes_of_each, draw_stalls(rng)
            )


def sibling(case: Case, rng: Generator) -> IntegerNetwork | None:
    """Permute the numbers of a network; return None if that breaks a bound of ``WRAP``.

    Weights are permuted within their row, so that no word of currents gets wider; rows and other
    numbers of a neuron are permuted between neurons.
    """
    tensors = {}
    for name, tensor in case.tensors.items():
        rows = rng.permutation(tensor) if tensor.ndim else tensor
        tensors[name] = rng.permuted(rows, axis=1) if ".weight_" in name else rows
    try:
        return IntegerNetwork.build(case.metadata, tensors)
    except NetworkError:
        return None


def shuffled(samples: Samples, rng: Generator) -> Samples:
    """Return the same steps in another order, with the channels of one sample permuted."""
    x = samples.x.copy()
    for row, steps in zip(x, samples.steps, strict=True):
        row[:steps] = row[rng.permutation(steps)]
    row = x[int(rng.integers(len(x)))]
    row[:] = rng.permuted(row, axis=1)
    return Samples(x, samples.steps)


def draw_stalls(rng: Generator) -> Stalls:
    """Draw stalls; a third of the draws have none."""
    seed = int(rng.integers(1, 1 << 30))
    if chance(rng, 0.33):
        return Stalls(seed=seed)
    source, sink = rng.choice(np.array([1.0, 0.8, 0.5, 0.25, 0.1]), 2)
    return Stalls(
        float(source), float(sink), chance(rng, 0.5), chance(rng, 0.2),
        int(rng.integers(1, 300)) if chance(rng, 0.25) else 0, seed,
    )  # fmt: skip


def long_trials(seed: int, rng: Generator) -> Iterator[Trial]:
    """Yield one network with some 20 million updates, in parts that fit in memory.

    The first part is for all engines, each of the others for one of the two fast engines.
    """
    for attempt in range(100):
        case = random_case(seed + attempt * 10**9, LONG)
        network = case.network()
        if sum(layer.neurons for layer in network.layers) >= 16:
            break
    neuron = int(2 ** rng.integers(2, 5))
    lanes = tuple(Lanes(synapse=neuron * int(2 ** rng.integers(0, 3)), neuron=neuron)
                  for _ in network.all_layers)  # fmt: skip
    spec = network.input
    width = sum(layer.neurons for layer in network.layers)
    longest = min(spec.steps_max, int(rng.choice(np.array([64, 256, 1024]))))
    count = max(1, PART_UPDATES // (longest * width))
    for part in range(PARTS):
        x = rng.integers(spec.low, spec.high, (count, longest, spec.channels), endpoint=True)
        x[rng.random(x.shape) > rng.choice(np.array([0.02, 0.05, 0.1, 0.3]))] = 0
        steps = np.full(count, longest)
        steps[1::4] = rng.integers(1, longest, len(steps[1::4]), endpoint=True)
        x[np.arange(longest) >= steps[:, None]] = 0
        stalls = Stalls(seed=int(rng.integers(1, 1 << 30)))  # pauses only cost time here
        only = ("verilator", "csim")[part % 2] if part else ""
        yield Trial(network, Samples(x, steps), lanes, stalls, only)


# ---------------------------------------------------------------------------------------------
# Shrinking a failure
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cut:
    """The part of a trial that is kept; hypothesis searches the smallest that still fails."""

    depth: int
    neurons: tuple[int, ...]
    channels: int
    classes: int
    samples: tuple[int, ...]
    steps: int
    silent: tuple[int, ...]  # steps without input
    zeroed: tuple[str, ...]  # tensors
    one_lane: bool
    no_stalls: bool


@strategies.composite
def cuts(draw: Callable[..., Any], trial: Trial) -> Cut:
    """Draw cuts of a trial, where smaller cuts are simpler, and most draws keep the whole trial.

    Each number is drawn from a range far beyond its limit and then limited, so that a draw is
    likely to be the unchanged failing trial, from which hypothesis shrinks.
    """

    def at_most(most: int, least: int = 1) -> int:
        return min(most, draw(strategies.integers(least, 1000 * (most + 1))))

    def kept() -> bool:
        return bool(draw(strategies.integers(0, 1000)))

    network, samples = trial.network, trial.samples
    depth = at_most(len(network.layers), 0)
    steps = at_most(samples.x.shape[1])
    few = len(samples) <= 16
    chosen = [b for b in range(len(samples)) if kept()] if few else range(at_most(len(samples)))
    zeroable = [name for name in network.tensors() if not name.endswith((".scale", ".threshold"))]
    return Cut(
        depth,
        tuple(at_most(layer.neurons) for layer in network.layers[:depth]),
        at_most(network.input.channels),
        at_most(network.readout.classes, 2),
        tuple(chosen) or (0,),
        steps,
        tuple(t for t in range(min(steps, 32)) if not kept()),
        tuple(name for name in zeroable if not kept()),
        not kept(),
        not kept(),
    )


def apply(cut: Cut, trial: Trial) -> Trial:
    """Return the part of a trial that a cut keeps.  Raises NetworkError for an illegal network."""
    old = trial.network.metadata()
    *spiking, readout = old["layers"]
    tensors = trial.network.tensors()
    layers: list[dict[str, Any]] = []
    kept: dict[str, np.ndarray] = {}
    inputs = cut.channels
    for i, layer in enumerate([*spiking[: cut.depth], readout]):
        last = i == cut.depth
        if last:
            sizes = {"classes": cut.classes}
        else:
            sizes = {"neurons": inputs if layer["skip"] else cut.neurons[i]}
        rows = next(iter(sizes.values()))
        layers.append(layer | {"inputs": inputs} | sizes)
        source = len(spiking) if last else i
        for name, tensor in tensors.items():
            prefix, part = name.rsplit(".", 1)
            if prefix != f"layers.{source}":
                continue
            value = np.zeros_like(tensor) if name in cut.zeroed else tensor
            if part.startswith("weight_"):
                fitted = np.zeros((rows, inputs), dtype=tensor.dtype)
                some = value[:rows, :inputs]
                fitted[: some.shape[0], : some.shape[1]] = some
                value = fitted
            elif len(value) > 1:
                value = value[:rows]
            kept[f"layers.{i}.{part}"] = value
        inputs = rows
    metadata = old | {
        "input": old["input"] | {"channels": cut.channels},
        "layers": layers,
        "labels": old["labels"][: cut.classes],
    }
    x = trial.samples.x[list(cut.samples), : cut.steps, : cut.channels].copy()
    x[:, list(cut.silent)] = 0
    lanes = (*trial.lanes[: cut.depth], trial.lanes[-1])
    return Trial(
        IntegerNetwork.build(metadata, kept),
        Samples(x, np.minimum(trial.samples.steps[list(cut.samples)], cut.steps)),
        tuple(Lanes(1, 1) for _ in lanes) if cut.one_lane else lanes,
        Stalls(seed=trial.stalls.seed) if cut.no_stalls else trial.stalls,
    )


def shrink(trial: Trial, fails: Callable[[Trial], bool], folder: Path) -> Trial:
    """Return the smallest failing trial that hypothesis finds.

    folder    folder of hypothesis' database, from which an interrupted search continues
    """
    known: dict[Cut, bool] = {}

    def still_fails(cut: Cut) -> bool:
        if cut not in known:
            try:
                known[cut] = fails(apply(cut, trial))
            except NetworkError:
                known[cut] = False
        return known[cut]

    set_hypothesis_home_dir(folder)
    settings = hypothesis.settings(
        max_examples=100,
        deadline=None,
        database=DirectoryBasedExampleDatabase(folder / "examples"),
        phases=(Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    key = f"{trial.network.digest()} {trial.stalls}".encode()
    try:
        cut = hypothesis.find(
            cuts(trial), still_fails, settings=settings, random=Random(0), database_key=key
        )
    except hypothesis.errors.NoSuchExample:
        return trial
    return apply(cut, trial)


# ---------------------------------------------------------------------------------------------
# Named cases
# ---------------------------------------------------------------------------------------------


def save(trial: Trial, engine: str, seed: int, message: str, cases: Path) -> Path:
    """Write a failing trial into a new folder with a distinct name."""
    folder = cases / f"{engine}-{seed}-{trial.network.digest()[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    trial.network.save(folder / "network.safetensors")
    trial.samples.save(folder / "x.npz")
    case = {
        "engine": engine,
        "seed": seed,
        "message": message,
        "lanes": [asdict(lanes) for lanes in trial.lanes],
        "stalls": asdict(trial.stalls),
    }
    (folder / "case.json").write_text(json.dumps(case, indent=2) + "\n", encoding="utf-8")
    return folder


def load(folder: Path) -> Trial:
    """Load a saved case."""
    case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    return Trial(
        IntegerNetwork.load(folder / "network.safetensors"),
        Samples.load(folder / "x.npz"),
        tuple(Lanes(**lanes) for lanes in case["lanes"]),
        Stalls(**case["stalls"]),
    )


# ---------------------------------------------------------------------------------------------
# One family
# ---------------------------------------------------------------------------------------------


@dataclass
class Count:
    """The amount of what was compared."""

    networks: int = 0  # distinct in the numbers that an engine reads
    updates: int = 0  # neurons times steps, each with both states

    def add(self, networks: int, updates: int) -> None:
        self.networks += networks
        self.updates += updates


@dataclass
class Result:
    """The result of a family; ``any`` counts the comparisons of at least one engine."""

    seed: int
    counts: dict[str, Count]
    failures: list[str]


def run_family(seed: int, engines: Mapping[str, Engine], cases: Path, database: Path) -> Result:
    """Run a family through the engines; shrink and save its first failure in each engine."""
    result = Result(seed, {name: Count() for name in ("any", *engines)}, [])
    failed: set[str] = set()
    seen: set[str] = set()
    for trial in family(seed):
        new = trial.network.digest() not in seen
        seen.add(trial.network.digest())
        expected = golden.run(trial.network, trial.samples, spikes=True, states=True)
        best = 0
        for name, run in engines.items():
            if name in failed or trial.only not in ("", name):
                continue
            given = given_to(name, trial)
            message = difference(given, run, expected if given is trial else None)
            if message:
                failed.add(name)
                result.failures.append(record(given, name, run, seed, message, cases, database))
                continue
            result.counts[name].add(int(new), given.updates)
            best = max(best, given.updates)
        if engines:
            result.counts["any"].add(int(new), best)
    return result


def record(trial: Trial, name: str, run: Engine, seed: int, message: str, cases: Path,
            database: Path) -> str:  # fmt: skip
    """Save the trial at once, and again after it is shrunk."""
    before = save(trial, name, seed, message, cases)
    small = shrink(trial, lambda cut: bool(difference(cut, run)), database)
    message = difference(small, run) or f"not seen again; at first: {message}"
    after = save(small, name, seed, message, cases)
    if after != before:
        for file in before.iterdir():
            file.unlink()
        before.rmdir()
    return f"{after.name}: {message}"
