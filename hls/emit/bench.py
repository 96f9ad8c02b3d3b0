"""Write a test bench for emitted RTL: samples, the golden model's outputs, and a Makefile.

``make`` in its folder runs the bench in Icarus Verilog, without Python or this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from rfssm.files import write_atomically
from rfssm.hls import packets
from rfssm.hls.design import Design
from rfssm.quant import golden
from rfssm.quant.samples import Samples

_MAKEFILE = """\
# make: simulates the IP in Icarus Verilog; every score and label must be the golden model's
RTL ?= {rtl}

test: out.txt
\tcmp out.txt expected.txt
\t@echo "{samples} samples, {beats} beats: equal to the golden model"

out.txt: bench.vvp beats.txt $(wildcard $(RTL)/*.mem)
{copy}\tvvp -n bench.vvp {plusargs}

bench.vvp: rfssm_bench.sv $(wildcard $(RTL)/*.sv)
\tiverilog -g2012 -o $@ -s rfssm_bench {options} $^

clean:
\trm -f bench.vvp out.txt *.mem

.PHONY: test clean
.DELETE_ON_ERROR:
"""


def write_bench(design: Design, samples: Samples, directory: Path, rtl: Path) -> None:
    """Write the bench of an emitted design.

    samples      samples that the bench sends
    directory    made if missing
    rtl          folder of the emitted RTL, as seen from ``directory``
    """
    directory.mkdir(parents=True, exist_ok=True)
    bench = files("rfssm.hls") / "rtl" / "bench" / "rfssm_bench.sv"
    sent = packets.event_beats(samples)
    expected = _expected(design, samples)
    run = _run_options(design, len(expected))
    makefile = _MAKEFILE.format(
        rtl=rtl,
        samples=len(samples),
        copy="" if design.inline_memories else "\tcp $(RTL)/*.mem .\n",
        beats=len(expected),
        plusargs=" ".join(f"+{name}={value}" for name, value in run.plusargs.items()),
        options=" ".join(run.iverilog_options),
    )
    texts = {
        "beats.txt": packets.bench_lines(sent),
        "expected.txt": "".join(f"{line}\n" for line in expected),
        "Makefile": makefile,
    }
    for name, text in texts.items():
        write_atomically(directory / name, text.encode())
    write_atomically(directory / "rfssm_bench.sv", bench.read_bytes())


def parameters(design: Design) -> dict[str, int]:
    """Return the parameters of ``rfssm_bench`` for a design."""
    return {
        "TDATA_W": design.tdata_bits,
        "LAYERS": max(1, len(design.trace)),
        "TRACE_W": design.trace_bits,
    }


@dataclass(frozen=True)
class RunOptions:
    """The options with which the bench is built and run in Icarus Verilog."""

    iverilog_options: tuple[str, ...]
    plusargs: dict[str, int]


def run_options(design: Design, directory: Path) -> RunOptions:
    """Return the options of a bench that ``write_bench`` has written into a folder."""
    return _run_options(design, len((directory / "expected.txt").read_text().splitlines()))


def _run_options(design: Design, expected_beats: int) -> RunOptions:
    return RunOptions(
        iverilog_options=(
            f"-DDUT={design.name}_axis_trace",
            *(f"-Prfssm_bench.{name}={value}" for name, value in parameters(design).items()),
        ),
        plusargs={"expected": expected_beats, "idle": design.idle_limit},
    )


def _expected(design: Design, samples: Samples) -> list[str]:
    """Return the beats that leave the IP as the bench writes them: tdata in hexadecimal, tlast."""
    outputs = golden.run(design.network, samples)
    results = np.concatenate([outputs.scores, outputs.label[..., None]], axis=-1)
    if design.network.readout.score != "each":
        results = results[:, None]  # one packet, at the sample's end
    counts = packets.packet_counts(design.network, samples)
    lines = []
    for sample, count in zip(results, counts.tolist(), strict=True):
        words = (sample[:count].reshape(-1) & ((1 << design.tdata_bits) - 1)).tolist()
        lines += [f"{word:0{design.tdata_bits // 4}x} 0" for word in words]
        lines[-1] = lines[-1][:-1] + "1"
    return lines
