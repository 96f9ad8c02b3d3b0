"""Run the RTL with a test bench in Icarus Verilog, a second simulator with undefined values."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import count
from pathlib import Path

import numpy as np

from rfssm.cache import cached
from rfssm.errors import ToolError
from rfssm.hls import packets, toolchain
from rfssm.hls.design import Design, LaneChoice, TraceField
from rfssm.hls.emit import bench
from rfssm.hls.emit.project import design_sources
from rfssm.hls.engines.trace import Trace
from rfssm.process import run_process
from rfssm.progress import Progress
from rfssm.quant.arithmetic import Integers
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples, check_call


def missing() -> str | None:
    """Return why this engine cannot run here, and what to install; None if it can."""
    return toolchain.missing_icarus()


def run(
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
    seed: int = 1,
    sources: Mapping[str, bytes] | None = None,
) -> Outputs:
    """Run samples through the RTL.

    source_chance    probability per cycle that the source offers a beat when it has one, 0 < p <= 1
    sink_chance      probability per cycle that the sink is ready
    shuffle          whether a step's events are in random order, with some step ends separate
    seed             seed of the stalls and the order
    sources          names and contents of the Verilog files and their memories; the RTL's if absent

    Raises ToolError if Icarus is missing or the simulation fails.
    """
    check_call(network, samples)
    design = Design.of(network, lanes, "dut")
    code, memories = packets.code_and_memories(
        design_sources(design) if sources is None else sources
    )
    built = _build(design, code)
    sent = packets.event_beats(samples, np.random.default_rng(seed) if shuffle else None)
    arguments = {
        "expected": packets.packet_beats(network, samples),
        "idle": design.idle_limit,
        "source": max(1, round(256 * source_chance)),
        "sink": max(1, round(256 * sink_chance)),
        "seed": seed,
    }
    with tempfile.TemporaryDirectory(prefix="rfssm-icarus-") as name:
        folder = Path(name)
        for memory, contents in memories.items():
            (folder / memory).write_bytes(contents)
        (folder / "beats.txt").write_text(packets.bench_lines(sent))
        command = [toolchain.icarus("vvp"), "-n", str(built / "bench.vvp")]
        command += [f"+{key}={value}" for key, value in arguments.items()]
        command += ["+trace"] if spikes or states else []
        _simulate(command, folder, len(samples), progress)
        scores, label = _read_scores(folder / "out.txt", design, samples)
        trace = Trace.zeros(network, *samples.x.shape[:2])
        if spikes or states:
            _read_trace(folder / "trace.txt", design, samples, trace)
    return trace.outputs(scores, label, spikes=spikes, states=states)


def _simulate(command: list[str], folder: Path, total: int, progress: Progress | None) -> None:
    """Run vvp to its end; raise ToolError unless its last line is ``done``."""
    passed = count(1)

    def watch(line: str) -> None:
        if progress is not None and line.strip() == "sample":
            progress(next(passed), total)

    status, lines = run_process(command, cwd=folder, watch=watch)
    last = lines[-1].strip() if lines else ""
    if status or last != "done":
        raise ToolError(f"Icarus: {last or f'vvp ended with status {status}'}")


def _signed(word: int, bits: int) -> int:
    return word - (1 << bits) if word >> (bits - 1) else word


def _read_scores(path: Path, design: Design, samples: Samples) -> tuple[Integers, Integers]:
    """Read scores and labels from the bench's output beats."""
    words = np.array(path.read_text().split()).reshape(-1, 2)
    expected = packets.packet_beats(design.network, samples)
    if len(words) != expected:
        raise ToolError(f"Icarus: {len(words)} of {expected} output beats were written")
    data = [_signed(int(word, 16), design.tdata_bits) for word in words[:, 0]]
    last = words[:, 1] == "1"
    return packets.decode_packets(design.network, samples, np.array(data, dtype=np.int64), last)


def _read_trace(path: Path, design: Design, samples: Samples, trace: Trace) -> None:
    """Fill the arrays from the bench's trace lines."""
    rows = packets.step_rows(samples)
    layers = [tuple(a.reshape(-1, a.shape[-1]) for a in layer) for layer in trace.layers()]
    seen = [0] * len(layers)
    with path.open() as lines:
        for line in lines:
            valid_word, data_word = line.split()
            valid = int(valid_word, 16)
            undefined = 0
            if data_word[0] == "h":
                data = int(data_word[1:], 16)
            else:
                data = int(data_word[1:].translate(_X_AS_0), 2)
                undefined = int(data_word[1:].translate(_X_AS_1), 2)
            for i, field in enumerate(design.trace):
                if not valid >> i & 1:
                    continue
                if undefined >> field.offset & ((1 << field.bits) - 1):
                    raise ToolError(f"Icarus: layer {i} has undefined states")
                step = seen[i] // field.chunks
                seen[i] += 1
                if step < len(rows):
                    _unpack(field, data >> field.offset, [a[rows[step]] for a in layers[i]])


_X_AS_0 = str.maketrans("xz", "00")
_X_AS_1 = str.maketrans("01xz", "0011")


def _unpack(field: TraceField, data: int, arrays: Sequence[np.ndarray]) -> None:
    """Unpack {spikes, v, u, chunk}, chunk lowest, into a step's spikes, u and v    [N] each."""
    bits, lanes = field.state_bits, field.lanes
    first = (data & ((1 << field.chunk_bits) - 1)) * lanes
    data >>= field.chunk_bits
    s, u, v = arrays
    for lane in range(min(lanes, field.neurons - first)):  # a layer's last chunk may be padded
        for plane, states in enumerate((u, v)):
            word = data >> (plane * lanes + lane) * bits & ((1 << bits) - 1)
            states[first + lane] = _signed(word, bits)
        s[first + lane] = data >> 2 * lanes * bits + lane & 1


# -- build -----------------------------------------------------------------------------------------


def _bench() -> Path:
    return Path(str(files("rfssm.hls"))) / "rtl" / "bench" / "rfssm_bench.sv"


def _build(design: Design, code: Mapping[str, bytes]) -> Path:
    """Return the folder with ``bench.vvp``, which serves all contents of its memories."""
    reason = missing()
    if reason:
        raise ToolError(f"engine icarus: {reason}")
    parameters = bench.parameters(design)
    key: list[str | bytes] = [
        *(part for name in sorted(code) for part in (name, code[name])),
        *(f"{name}={value}" for name, value in parameters.items()),
        _bench().read_bytes(),
        toolchain.icarus_version(),
    ]

    def build(folder: Path) -> None:
        for name, data in code.items():
            (folder / name).write_bytes(data)
        (folder / _bench().name).write_bytes(_bench().read_bytes())
        toolchain.run_tool(
            [
                toolchain.icarus("iverilog"),
                *("-g2012", "-s", "rfssm_bench", "-o", "bench.vvp"),
                *(f"-Prfssm_bench.{name}={value}" for name, value in parameters.items()),
                _bench().name,
                *sorted(name for name in code if name.endswith((".sv", ".v"))),
            ],
            cwd=folder,
            # iverilog passes the names of temporary files to a shell unquoted: use none with a path
            env=dict.fromkeys(("TMP", "TMPDIR", "TEMP"), "."),
        )

    return cached("icarus", key, build)
