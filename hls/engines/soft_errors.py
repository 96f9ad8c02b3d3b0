"""Measure how upset bits of its memories (soft errors) change a network's labels.

The RTL runs in Verilator, one sample after the other, and bits of its memories are flipped between
clock cycles:

``states``     states of the layers and the readout.  Each bit is upset ``rate`` times per sample on
               average, at random times.
``weights``    weights of the synapses.  Each bit is wrong with probability ``rate`` for a whole
               sample, as upsets accumulate after a memory is written; each sample draws its own.

Registers, currents, the cells' constants and an FPGA's configuration are not upset.  Bits of
padding lanes count, since they are on the chip and can be hit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.random import Generator

from rfssm.errors import HardwareError
from rfssm.hls import packets
from rfssm.hls.design import Design, LaneChoice
from rfssm.hls.emit.project import design_sources
from rfssm.hls.engines.bulk import Call, Circuit
from rfssm.progress import Progress
from rfssm.quant.arithmetic import Integers
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples, check_call

RATES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
MEMORIES = {
    "states": r"core\.(layer\d+\.cells\.g_\w+|readout)\.states",
    "weights": r"core\.(layer\d+|readout)\.synapse\.accumulator\.weight_rom\.g_\w+\.rom",
}
"""The kinds of memory, with patterns of their names in the design."""

# Makes these memories accessible to the driver; the circuit does not change.
_CONFIGURATION = b"""\
`verilator_config
public_flat_rw -module "rfssm_cells" -var "*states"
public_flat_rw -module "rfssm_readout" -var "states"
public_flat_rw -module "rfssm_rom" -var "*rom"
"""


@dataclass(frozen=True)
class UpsetRun:
    """The result of the test set at one rate.

    rate        upsets per bit and sample
    upsets      number of bits that were flipped
    changed     share of labels that differ from those of the undisturbed network
    accuracy    share of correct labels; None if the samples have no labels
    """

    rate: float
    upsets: int
    changed: float
    accuracy: float | None


@dataclass(frozen=True)
class SoftErrors:
    """The results of a network under upsets in one kind of memory.

    bits        bits of that memory, padding included
    labels      labels of each run: one per sample, or per step with score ``each``
    accuracy    accuracy of the undisturbed network; None if the samples have no labels
    """

    network: str
    memory: str
    bits: int
    samples: int
    labels: int
    accuracy: float | None
    runs: tuple[UpsetRun, ...]

    def to_json(self) -> dict[str, object]:
        """Return the results in plain JSON values."""
        return asdict(self)


def soft_errors(
    network: IntegerNetwork,
    samples: Samples,
    memory: str,
    rates: Sequence[float] = RATES,
    *,
    seed: int = 0,
    lanes: LaneChoice | None = None,
    progress: Progress | None = None,
) -> SoftErrors:
    """Run the samples undisturbed, then at each rate.

    memory      ``states`` or ``weights``
    rates       upsets per bit and sample, 0 to 1
    seed        seed of the upsets, which determines them
    progress    called with the numbers of samples done and of all samples, over all rates

    Raises HardwareError for another memory or rate.
    """
    if memory not in MEMORIES:
        raise HardwareError(f"memory = {memory!r}: must be {' or '.join(MEMORIES)}")
    if not len(rates):
        raise HardwareError("rates: none given, must be one or more")
    for rate in rates:
        if not 0 <= rate <= 1:
            raise HardwareError(f"rate = {rate:g}: must be between 0 and 1 upsets per bit")
    check_call(network, samples)

    def progress_of(run: int) -> Progress | None:
        if progress is None:
            return None
        everything = (len(rates) + 1) * len(samples)
        return lambda done, count: progress(run * count + done, everything)

    with UpsetCircuit(network, memory, lanes) as circuit:
        undisturbed, _, cycles = circuit.run(samples, progress=progress_of(0))
        accuracy = None if samples.labels is None else undisturbed.accuracy(samples)
        before = Samples(samples.x, samples.steps, undisturbed.label)
        runs = []
        for k, rate in enumerate(rates):
            upset = Upsets(rate, np.random.default_rng((seed, k)), cycles)
            outputs, count, _ = circuit.run(samples, upset, progress=progress_of(k + 1))
            right = None if accuracy is None else outputs.accuracy(samples)
            runs.append(UpsetRun(rate, count, 1 - outputs.accuracy(before), right))
        bits = circuit.bits
    labels = len(samples) if undisturbed.label.ndim == 1 else int(samples.steps.sum())
    return SoftErrors(network.name, memory, bits, len(samples), labels, accuracy, tuple(runs))


@dataclass(frozen=True, eq=False)
class Upsets:
    """The rate and the random times of upsets.

    rate      upsets per bit and sample
    random    generator that chooses bits and times
    cycles    cycles of each undisturbed sample    [samples]
    """

    rate: float
    random: Generator
    cycles: Integers


class UpsetCircuit:
    """The RTL of a network with one kind of memory open to upsets; ``with`` frees it at its end."""

    def __init__(
        self, network: IntegerNetwork, memory: str, lanes: LaneChoice | None = None
    ) -> None:
        self._design = Design.of(network, lanes, "dut")
        self._weights = memory == "weights"
        sources = {**design_sources(self._design), "upsets.vlt": _CONFIGURATION}
        self.circuit = Circuit(self._design, "dut_axis_trace", sources, seed=1)
        self.circuit.reset()
        self.places = [
            i
            for i, found in enumerate(self.circuit.memories)
            if re.fullmatch(MEMORIES[memory], found.name)
        ]
        self._ends = np.cumsum(
            [m.words * m.bits for m in (self.circuit.memories[i] for i in self.places)]
        )

    @property
    def bits(self) -> int:
        """The number of bits that can be upset."""
        return int(self._ends[-1])

    def __enter__(self) -> UpsetCircuit:
        return self

    def __exit__(self, *_: object) -> None:
        self.circuit.__exit__()

    def flip(self, bit: int) -> None:
        """Upset one of the bits, between two cycles."""
        k = int(np.searchsorted(self._ends, bit, side="right"))
        place = self.places[k]
        within = bit - (int(self._ends[k - 1]) if k else 0)
        self.circuit.flip(place, *divmod(within, self.circuit.memories[place].bits))

    def call(self, sample: Samples, *, traced: bool = False) -> Call:
        """Return a run of one sample that has not begun."""
        return Call(self._design, sample, packets.event_beats(sample), traced, traced)

    def run(
        self, samples: Samples, upsets: Upsets | None = None, *, progress: Progress | None = None
    ) -> tuple[Outputs, int, Integers]:
        """Run samples one by one; return outputs, number of bits upset, cycles of each sample."""
        outputs, cycles, count = [], [], 0
        for i in range(len(samples)):
            call = self.call(samples[i : i + 1])
            if upsets is None:
                self.circuit.to_the_end(call)
            elif self._weights:
                count += self._wrong_weights(call, upsets)
            else:
                count += self._upset_states(call, upsets, int(upsets.cycles[i]))
            done = call.result()
            outputs.append(done.outputs)
            cycles.append(int(done.scored[-1]) + 1)
            if progress is not None:
                progress(i + 1, len(samples))
        return Outputs.join(outputs), count, np.array(cycles)

    def _wrong_weights(self, call: Call, upsets: Upsets) -> int:
        number = upsets.random.binomial(self.bits, upsets.rate)
        wrong = upsets.random.choice(self.bits, number, replace=False)
        for bit in wrong:
            self.flip(int(bit))
        self.circuit.to_the_end(call)
        for bit in wrong:
            self.flip(int(bit))
        return number

    def _upset_states(self, call: Call, upsets: Upsets, cycles: int) -> int:
        number = upsets.random.poisson(self.bits * upsets.rate)
        when = np.sort(upsets.random.integers(cycles, size=number))
        for cycle in when:
            self.circuit.go(call, int(cycle) - call.run.cycle)
            self.flip(int(upsets.random.integers(self.bits)))
        self.circuit.to_the_end(call)
        return number
