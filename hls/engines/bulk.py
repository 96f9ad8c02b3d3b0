"""Drive a Verilated top in memory through whole test sets, with ``bulk.cpp``."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rfssm.cstruct import read_struct
from rfssm.errors import ToolError
from rfssm.hls import packets
from rfssm.hls.design import Design
from rfssm.hls.engines import verilated
from rfssm.hls.engines.trace import Trace
from rfssm.progress import Progress
from rfssm.quant.arithmetic import Integers
from rfssm.quant.samples import Outputs, Samples

_CYCLES_PER_CALL = 20_000  # between two checks for an interrupt
_DONE = 1
_FAILURES = {
    -1: "the simulation hangs: no beat in {idle} cycles",
    -2: "an output beat changed while it was stalled",
    -3: "more output beats than there are scores",
}
_Run = read_struct(verilated.driver().read_text(), "Run")
_REPORT_MEMORY = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64)


@dataclass(frozen=True, eq=False)
class Simulation:
    """The outputs of a run of the RTL, with its timing.

    accepted    cycle in which each step's last beat went in    [steps of all samples]
    scored      cycle in which each output beat went out        [beats]
    cycles      length of the run
    """

    outputs: Outputs
    accepted: Integers
    scored: Integers
    cycles: int


@dataclass(frozen=True)
class Memory:
    """A memory whose bits can be upset.

    name     hierarchical name in the design, as core.layer0.cells.g_lutram.states
    words    number of words
    bits     bits of each word, padding included
    """

    name: str
    words: int
    bits: int


class Circuit:
    """A Verilated top in memory, which the end of a ``with`` block frees.

    memories    memories that a configuration file among the sources makes accessible
    much        whether the top will run for many cycles, which is worth an optimising compiler

    Raises ToolError if the top cannot be built.
    """

    def __init__(
        self,
        design: Design,
        top: str,
        sources: Mapping[str, bytes],
        seed: int,
        *,
        much: bool = True,
    ) -> None:
        code, memories = packets.code_and_memories(sources)
        folder = verilated.build(design, top, code, much=much)
        self._library = ctypes.CDLL(str(folder / "dut.so"))
        self._library.simulation_new.restype = ctypes.c_void_p
        self._library.simulation_run.restype = ctypes.c_int64
        with tempfile.TemporaryDirectory(prefix="rfssm-verilator-") as place:
            for name, data in memories.items():
                (Path(place) / name).write_bytes(data)
            self._handle = ctypes.c_void_p(self._library.simulation_new(place.encode(), seed))
        if not self._handle:
            raise ToolError(f"{place}: cannot be entered")
        found: list[Memory] = []

        def report(name: bytes, words: int, bits: int) -> None:
            found.append(Memory(name.decode().removeprefix(f"TOP.{top}."), words, bits))

        self._library.simulation_memories(self._handle, _REPORT_MEMORY(report))
        self.memories = tuple(found)

    def __enter__(self) -> Circuit:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.simulation_free(self._handle)

    def reset(self) -> None:
        """Reset the circuit for three cycles."""
        self._library.simulation_reset(self._handle)

    def flip(self, memory: int, word: int, bit: int) -> None:
        """Upset one bit of ``memories[memory]``, between two cycles."""
        self._library.simulation_flip(
            self._handle, *(ctypes.c_int64(k) for k in (memory, word, bit))
        )

    def go(self, call: Call, cycles: int) -> bool:
        """Continue a run for at most ``cycles`` cycles; return whether the run has ended.

        Raises ToolError if the circuit hangs, changes a stalled beat or sends too many beats.
        """
        run = call.run
        status = int(
            self._library.simulation_run(self._handle, ctypes.byref(run), ctypes.c_int64(cycles))
        )
        if status < 0:
            reason = _FAILURES[status].format(idle=run.idle)
            raise ToolError(
                f"Verilator: {reason} (cycle {run.cycle}: {run.sent} of "
                f"{run.n_beats} beats in, {run.received} of {run.n_out} out)"
            )
        return status == _DONE

    def to_the_end(self, call: Call, progress: Progress | None = None) -> None:
        """Run until all scores have been received, and report the number of samples done."""
        ends = np.cumsum(call.samples.steps)
        done = False
        while not done:
            done = self.go(call, _CYCLES_PER_CALL)
            if progress is not None:
                share = call.run.received / call.run.n_out
                passed = int(np.searchsorted(ends, share * ends[-1], side="right"))
                progress(passed, len(call.samples))


class Call:
    """The arrays that one run reads and writes."""

    def __init__(
        self,
        design: Design,
        samples: Samples,
        sent: NDArray[np.uint32],
        spikes: bool,
        states: bool,
    ) -> None:
        network = design.network
        n_out = packets.packet_beats(network, samples)
        n_steps = int(samples.steps.sum())
        self.network = network
        self.samples = samples
        self.sent = np.ascontiguousarray(sent)
        self.data = np.zeros(n_out, dtype=np.int64)
        self.last = np.zeros(n_out, dtype=np.uint8)
        self.accepted = np.zeros(n_steps, dtype=np.int64)
        self.scored = np.zeros(n_out, dtype=np.int64)
        self.rows = packets.step_rows(samples)
        self.wanted = {"spikes": spikes, "states": states}
        self.trace = Trace.zeros(network, *samples.x.shape[:2])
        self.pointers = {
            "spikes": _pointers(self.trace.spikes if spikes else None),
            "u": _pointers(self.trace.u if states else None),
            "v": _pointers(self.trace.v if states else None),
        }
        self.run = _Run(
            beats=self.sent.ctypes.data,
            n_beats=len(self.sent),
            out_data=self.data.ctypes.data,
            out_last=self.last.ctypes.data,
            n_out=n_out,
            accepted=self.accepted.ctypes.data,
            scored=self.scored.ctypes.data,
            rows=self.rows.ctypes.data,
            n_steps=n_steps,
            **{name: found and ctypes.addressof(found) for name, found in self.pointers.items()},
            source_chance=256,
            sink_chance=256,
            seed=1,
            idle_limit=design.idle_limit,
        )

    def stalls(self, source_chance: float, sink_chance: float, seed: int) -> None:
        """Make both sides pause at random; a chance is that of a beat per cycle, 0 < p <= 1."""
        for name, chance in (("source_chance", source_chance), ("sink_chance", sink_chance)):
            if not 0 < chance <= 1:
                raise ValueError(f"{name} = {chance}: must be above 0 and at most 1")
            setattr(self.run, name, max(1, round(256 * chance)))
        self.run.seed = (2 * seed + 1) & 0xFFFFFFFF  # never 0, from which xorshift never leaves

    def result(self) -> Simulation:
        """Return the outputs and the timing from the arrays of the run."""
        scores, label = packets.decode_packets(
            self.network, self.samples, self.data, self.last.astype(bool)
        )
        outputs = self.trace.outputs(scores, label, **self.wanted)
        return Simulation(outputs, self.accepted, self.scored, int(self.run.cycle))


def _pointers(arrays: Sequence[NDArray[Any]] | None) -> ctypes.Array[Any] | None:
    """Return a C array of the arrays' addresses."""
    if arrays is None:
        return None
    return (ctypes.c_void_p * max(1, len(arrays)))(*(array.ctypes.data for array in arrays))
