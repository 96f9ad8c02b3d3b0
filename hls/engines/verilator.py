"""The RTL in Verilator, driven through whole test sets by ``bulk.cpp``."""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rfssm.cache import cached
from rfssm.errors import ToolError
from rfssm.hls import packets, toolchain
from rfssm.hls.design import Design, LaneChoice
from rfssm.hls.emit.project import design_sources
from rfssm.progress import Progress
from rfssm.quant.arithmetic import Integers
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples, check_call

_VERILATOR_FLAGS = (
    *("--cc", "--prefix", "Vdut", "--no-timing"),
    *("--x-assign", "unique", "--x-initial", "unique", "-Wno-lint", "-Wno-style"),
)
# Thousands of gates with one condition in common: branches cost more than what they skip.
_NETLIST_FLAGS = ("-fno-merge-cond", "-Wno-UNOPTFLAT")
_GXX_FLAGS = (
    *("-std=gnu++17", "-fPIC"),
    *("-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE=0"),
)
_HEADERS = (  # of bulk.cpp
    *('"verilated.h"', '"verilated_syms.h"'),
    *("<fcntl.h>", "<functional>", "<memory>", "<mutex>", "<string>", "<unistd.h>"),
)
_CYCLES_PER_CALL = 20_000  # between two looks at the keyboard
_SMALL_WEIGHTS = 4096  # networks with more weights are worth an optimising compiler,
_SHORT_CYCLES = 1_000_000  # and so are runs that may take more cycles
_DONE = 1
_FAILURES = {
    -1: "the simulation hangs: no beat in {idle} cycles",
    -2: "an output beat changed while it was stalled",
    -3: "more output beats than there are scores",
}


@dataclass(frozen=True, eq=False)
class Simulation:
    """A run of the RTL, with its timing.

    accepted    cycle in which each step's last beat went in    [steps of all samples]
    scored      cycle in which each output beat went out        [beats]
    cycles      length of the run
    """

    outputs: Outputs
    accepted: Integers
    scored: Integers
    cycles: int


def missing() -> str | None:
    """Why this engine cannot run here, and what to install."""
    return toolchain.missing_verilator()


def run(
    network: IntegerNetwork,
    samples: Samples,
    *,
    spikes: bool = False,
    states: bool = False,
    lanes: LaneChoice | None = None,
    progress: Progress | None = None,
    sources: Mapping[str, bytes] | None = None,
) -> Outputs:
    """Run samples through the RTL, or through other ``sources`` as in ``simulate``."""
    return simulate(
        network,
        samples,
        spikes=spikes,
        states=states,
        lanes=lanes,
        progress=progress,
        sources=sources,
    ).outputs


def simulate(
    network: IntegerNetwork,
    samples: Samples,
    *,
    spikes: bool = False,
    states: bool = False,
    lanes: LaneChoice | None = None,
    progress: Progress | None = None,
    source_chance: float = 1.0,
    sink_chance: float = 1.0,
    shuffle: bool = False,
    reset_after: int = 0,
    dense: bool = False,
    alone: bool = False,
    seed: int = 1,
    sources: Mapping[str, bytes] | None = None,
) -> Simulation:
    """Run samples through the RTL and say when what happened.

    source_chance    how often the source offers a beat when it has one, 0 < p <= 1
    sink_chance      how often the sink is ready
    shuffle          events of a step in random order, some step ends in beats of their own
    reset_after      run so many cycles, reset in the middle of it all, then start over
    dense            drive the top that takes dense beats, one step each; it has no trace
    alone            a sample enters only when the last score of the one before has left
    seed             of the stalls, the order, and of all bits that the circuit does not initialise
    sources          name and contents of the Verilog files and what they read (default: the RTL's)
    """
    check_call(network, samples)
    if dense and (spikes or states):
        raise ValueError("the top for dense beats has no trace: spikes and states must be False")
    design = Design.of(network, lanes, "dut")
    top = "dut_axis_dense" if dense else "dut_axis_trace"
    given = design_sources(design) if sources is None else sources
    if dense:
        sent = packets.dense_beats(network, samples)
    else:
        sent = packets.event_beats(samples, np.random.default_rng(seed) if shuffle else None)
    cycles = int(samples.steps.sum()) * design.slowest_step
    with Circuit(design, top, given, seed, much=cycles > _SHORT_CYCLES) as circuit:
        for so_many in (reset_after, 0) if reset_after else (0,):
            circuit.reset()
            call = Call(design, samples, sent, spikes, states)
            call.stalls(source_chance, sink_chance, seed)
            call.run.alone = alone
            if so_many:
                circuit.go(call, so_many)
        circuit.to_the_end(call, progress)
    return call.result()


# -- one circuit -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Memory:
    """A memory whose bits can be upset.

    name     its place in the design, as core.layer0.cells.g_lutram.states
    words    and bits of each, padding included
    """

    name: str
    words: int
    bits: int


class Circuit:
    """A Verilated top in memory, which ``with`` sets free.

    memories    those that a configuration file among the sources opens, by name
    much        it will run for many cycles, so it is worth an optimising compiler
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
        folder = _build(design, top, code, _optimisation(design, much))
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

        def tell(name: bytes, words: int, bits: int) -> None:
            found.append(Memory(name.decode().removeprefix(f"TOP.{top}."), words, bits))

        self._library.simulation_memories(self._handle, _TELL(tell))
        self.memories = tuple(found)

    def __enter__(self) -> Circuit:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.simulation_free(self._handle)

    def reset(self) -> None:
        """Three cycles of reset."""
        self._library.simulation_reset(self._handle)

    def flip(self, memory: int, word: int, bit: int) -> None:
        """Upset one bit of ``memories[memory]``, between two cycles."""
        self._library.simulation_flip(
            self._handle, *(ctypes.c_int64(k) for k in (memory, word, bit))
        )

    def go(self, call: Call, cycles: int) -> bool:
        """Run on for at most so many cycles; whether that was the end."""
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
        """Run until all scores are there, telling how many samples have passed."""
        ends = np.cumsum(call.samples.steps)
        done = False
        while not done:
            done = self.go(call, _CYCLES_PER_CALL)
            if progress is not None:
                share = call.run.received / call.run.n_out
                passed = int(np.searchsorted(ends, share * ends[-1], side="right"))
                progress(passed, len(call.samples))


_TELL = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64)


# -- one run ---------------------------------------------------------------------------------------


class _Run(ctypes.Structure):
    """``struct Run`` of bulk.cpp."""

    _fields_ = (
        ("beats", ctypes.c_void_p),
        ("n_beats", ctypes.c_int64),
        ("out_data", ctypes.c_void_p),
        ("out_last", ctypes.c_void_p),
        ("n_out", ctypes.c_int64),
        ("accepted", ctypes.c_void_p),
        ("scored", ctypes.c_void_p),
        ("rows", ctypes.c_void_p),
        ("n_steps", ctypes.c_int64),
        ("spikes", ctypes.c_void_p),
        ("u", ctypes.c_void_p),
        ("v", ctypes.c_void_p),
        ("source_chance", ctypes.c_uint32),
        ("sink_chance", ctypes.c_uint32),
        ("seed", ctypes.c_uint32),
        ("idle_limit", ctypes.c_int64),
        ("alone", ctypes.c_uint32),
        ("cycle", ctypes.c_int64),
        ("sent", ctypes.c_int64),
        ("received", ctypes.c_int64),
        ("steps_in", ctypes.c_int64),
        ("idle", ctypes.c_int64),
        ("trailing", ctypes.c_int64),
        ("samples_in", ctypes.c_int64),
        ("samples_out", ctypes.c_int64),
        ("traced", ctypes.c_int64 * 16),
        ("held_data", ctypes.c_uint64),
        ("offering", ctypes.c_uint8),
        ("stalled", ctypes.c_uint8),
        ("held_last", ctypes.c_uint8),
    )


class Call:
    """Arrays that one run reads and writes."""

    def __init__(
        self,
        design: Design,
        samples: Samples,
        sent: NDArray[np.uint32],
        spikes: bool,
        states: bool,
    ) -> None:
        network = design.network
        batch, longest, _ = samples.x.shape
        shapes = [(batch, longest, layer.neurons) for layer in network.layers]
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
        self.spikes = [np.zeros(s, dtype=np.uint8) for s in shapes] if spikes else None
        self.u = [np.zeros(s, dtype=np.int64) for s in shapes] if states else None
        self.v = [np.zeros(s, dtype=np.int64) for s in shapes] if states else None
        self.pointers = [_pointers(arrays) for arrays in (self.spikes, self.u, self.v)]
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
            spikes=_address(self.pointers[0]),
            u=_address(self.pointers[1]),
            v=_address(self.pointers[2]),
            source_chance=256,
            sink_chance=256,
            seed=1,
            idle_limit=design.idle_limit,
        )

    def stalls(self, source_chance: float, sink_chance: float, seed: int) -> None:
        """Both sides pause at random."""
        for name, chance in (("source_chance", source_chance), ("sink_chance", sink_chance)):
            if not 0 < chance <= 1:
                raise ValueError(f"{name} = {chance}: must be above 0 and at most 1")
            setattr(self.run, name, max(1, round(256 * chance)))
        self.run.seed = (2 * seed + 1) & 0xFFFFFFFF  # never 0, where the generator would stick

    def result(self) -> Simulation:
        """What the run left in the arrays."""
        scores, label = packets.decode_packets(
            self.network, self.samples, self.data, self.last.astype(bool)
        )
        outputs = Outputs(
            scores,
            label,
            tuple(s.view(np.bool_) for s in self.spikes) if self.spikes is not None else None,
            tuple(self.u) if self.u is not None else None,
            tuple(self.v) if self.v is not None else None,
        )
        return Simulation(outputs, self.accepted, self.scored, int(self.run.cycle))


def _pointers(arrays: list[NDArray[np.uint8]] | list[Integers] | None) -> ctypes.Array[Any] | None:
    """A C array of the arrays' addresses."""
    if arrays is None:
        return None
    return (ctypes.c_void_p * max(1, len(arrays)))(*(array.ctypes.data for array in arrays))


def _address(pointers: ctypes.Array[Any] | None) -> int | None:
    return None if pointers is None else ctypes.addressof(pointers)


# -- build -----------------------------------------------------------------------------------------


def _driver() -> Path:
    return Path(str(files("rfssm.hls.engines"))) / "bulk.cpp"


def _optimisation(design: Design, much: bool) -> str:
    """-O0 compiles in half the time of -O1, which runs seven times as fast; -O2 gains nothing."""
    weights = sum(layer.inputs * layer.outputs for layer in design.network.all_layers)
    return "-O1" if much or weights > _SMALL_WEIGHTS else "-O0"


def _build(design: Design, top: str, code: Mapping[str, bytes], optimisation: str) -> Path:
    """Folder with ``dut.so``, a network's top, for all contents of its memories."""
    reason = missing()
    if reason:
        raise ToolError(f"engine verilator: {reason}")
    flags = [*_VERILATOR_FLAGS, *(_NETLIST_FLAGS if "netlist.v" in code else ())]
    key: list[str | bytes] = [
        *(part for name in sorted(code) for part in (name, code[name])),
        _driver().read_bytes(),
        _header(design, top),
        top,
        *flags,
        *_GXX_FLAGS,
        optimisation,
        toolchain.verilator_version(),
        toolchain.gxx_version(),
    ]

    def build(folder: Path) -> None:
        for name, data in code.items():
            (folder / name).write_bytes(data)
        modules = sorted(name for name in code if name.endswith((".sv", ".v", ".vlt")))
        toolchain.verilate([*flags, "--top-module", top, "-Mdir", "obj", *modules], cwd=folder)
        generated = sorted((folder / "obj").glob("Vdut*.cpp"))
        (folder / "obj" / "network.h").write_text(_header(design, top))
        everything = "".join(map(_included, generated))
        (folder / "obj" / "all.cpp").write_text(f'{everything}#include "{_driver()}"\n')
        toolchain.run_tool(
            [
                toolchain.gxx(),
                optimisation,
                *_GXX_FLAGS,
                "-shared",
                *(
                    "-include",
                    toolchain.verilator_precompiled([optimisation, *_GXX_FLAGS], _HEADERS),
                ),
                *toolchain.verilator_includes(),
                "-Iobj",
                "obj/all.cpp",
                *toolchain.verilator_runtime(),
                *("-o", "dut.so", "-lpthread"),
            ],
            cwd=folder,
        )
        shutil.rmtree(folder / "obj")

    return cached("verilator", key, build)


def _included(path: Path) -> str:
    """What runs once, to start the circuit, is half of the code: it is not worth optimising."""
    line = f'#include "{path.name}"\n'
    if not path.stem.endswith("__Slow"):
        return line
    return f'#pragma GCC push_options\n#pragma GCC optimize("O0")\n{line}#pragma GCC pop_options\n'


def _header(design: Design, top: str) -> str:
    """Constants that bulk.cpp includes: width of a beat, and where ``trace_data`` holds what."""
    dense = top == "dut_axis_dense"
    words = packets.dense_words(design.network) if dense else 1
    rows = "".join(
        f"    {{{f.offset}, {f.chunk_bits}, {f.state_bits}, {f.lanes}, {f.chunks}, {f.neurons}}},\n"
        for f in design.trace
    )
    return (
        "#pragma once\n"
        f"#define NETWORK_TRACED {int(not dense)}\n"
        "namespace network {\n"
        "struct Layer { int offset, chunk_bits, state_bits, lanes, chunks, neurons; };\n"
        f"constexpr int BEAT_WORDS = {words};\n"
        f"constexpr int N_LAYERS = {len(design.trace)};\n"
        f"constexpr Layer LAYERS[] = {{\n{rows}    {{0, 1, 1, 1, 1, 1}}}};\n"
        "}  // namespace network\n"
    )
