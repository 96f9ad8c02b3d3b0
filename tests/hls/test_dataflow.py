"""Processes that run at once, with FIFOs as deep as stated: no deadlock, and the cycles promised.

C simulation runs one process after the other with FIFOs without end, so it can show neither.  Here
the pragmas become code: each call of a DATAFLOW region is a process, ``PIPELINE II=1`` adds a
cycle to its process's time, ``STREAM depth`` bounds a FIFO (``timed_stream.h``).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kept_compiler import kept_compilers
from rtl_cases import network

from rfssm.errors import ToolError
from rfssm.hls.design import Lanes
from rfssm.hls.hls4ml import vitis
from rfssm.hls.hls4ml.backend import AP_TYPES
from rfssm.hls.hls4ml.plugin import convert_network
from rfssm.hls.toolchain import gxx, run_tool
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

pytestmark = pytest.mark.hls

STEPS = 40
FLAGS = ["-std=c++11", "-O0", "-w", "-I", AP_TYPES]
MAIN = """\
#define __SYNTHESIS__
#include "firmware/network.cpp"
#include <fstream>

int main() {{
    std::ifstream file("tb_data/tb_input_features.dat");
    std::string line;
    while (std::getline(file, line)) {{
        std::istringstream numbers(line);
        hls::now = -1;
        hls::stream<input_t> in("in");
        hls::stream<result_t> out("out");
        for (unsigned t = 0; t < {steps}; t++) {{
            input_t x;
            for (unsigned m = 0; m < input_t::size; m++) {{
                int value;
                numbers >> value;
                x[m] = value;
            }}
            in.write(x);
        }}
        network(in, out);
        std::cout << out.last;
        while (!out.empty()) {{
            const result_t score = out.read();
            for (unsigned c = 0; c < result_t::size; c++)
                std::cout << " " << score[c];
        }}
        std::cout << std::endl;
    }}
}}
"""


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The header, precompiled: reading it is most of the work."""
    folder = tmp_path_factory.mktemp("clock")
    header = Path(shutil.copy(Path(__file__).parents[1] / "timed_stream.h", folder))
    with kept_compilers():
        run_tool([gxx(), *FLAGS, "-x", "c++-header", header.name], cwd=folder)
        yield header


def timed(text: str) -> str:
    """A kernel or top function with its pragmas as code."""
    text = re.sub(r"#pragma HLS PIPELINE II=(\d+)", r"hls::now += \1;", text)
    text = re.sub(r"#pragma HLS STREAM variable=(\w+) depth=(\w+)", r"\1.depth = \2;", text)
    call = r"^    ((?:nnet::)?\w+<[\w, ]+>\(.*\);)"
    parts = text.split("#pragma HLS DATAFLOW")
    regions = [re.sub(call, _process, part, flags=re.MULTILINE) for part in parts[1:]]
    return "".join([parts[0], *regions])


def _process(call: re.Match[str]) -> str:
    return f"    hls::process process{call.start()}([&] {{ {call[1]} }});"


def simulate(
    folder: Path,
    clock: Path,
    net: IntegerNetwork,
    samples: Samples,
    lanes: Lanes,
    **planted: dict[str, str],
) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and the cycle of the last beat, of each sample.

    planted    changes of the kernels, old to new, by the headers' names without nnet_
    """
    convert_network(
        net, folder, "RFSSM", lanes=lanes, steps=STEPS, name="network", rtl=False
    ).write()
    vitis.write_test_data(folder, net, samples, STEPS)
    kernels = folder / "firmware" / "nnet_utils"
    names = ("synapse", "spiking", "readout")
    for name in names:
        text = (kernels / f"nnet_{name}.h").read_text()
        for old, new in planted.get(name, {}).items():
            assert old in text
            text = text.replace(old, new, 1)
        (kernels / f"nnet_{name}.h").write_text(timed(text))
    top = folder / "firmware" / "network.cpp"
    top.write_text(timed(top.read_text()))
    assert top.read_text().count("hls::process") == len(net.all_layers)
    (folder / "main.cpp").write_text(MAIN.format(steps=STEPS))
    run_tool([gxx(), *FLAGS, "-include", clock, "main.cpp", "-o", "main"], cwd=folder)
    told = run_tool([folder / "main"], cwd=folder)
    numbers = np.array([line.split() for line in told.splitlines()], dtype=np.int64)
    return numbers[:, 1:], numbers[:, 0]


def iterations(
    net: IntegerNetwork, samples: Samples, lanes: Lanes
) -> tuple[np.ndarray, np.ndarray]:
    """What the headers state, by step, as if no other process existed; and the golden scores.

    returns    [B, T, processes], [B, classes]
    """
    outputs = golden.run(net, samples, spikes=True)
    assert outputs.spikes is not None
    inputs = [samples.x, *outputs.spikes]
    columns = []
    for x, layer in zip(inputs, net.all_layers, strict=True):
        events = np.maximum(1, (x != 0).sum(axis=2))
        wide = lanes.fitted(layer.outputs)
        chunk = 1 if layer is net.readout else wide.neuron
        columns += [
            events + -(-layer.inputs // 64) - 1,
            events * -(-layer.outputs // wide.synapse),
            np.full_like(events, -(-layer.outputs // chunk)),
        ]
    return np.stack(columns, axis=2), outputs.scores


def busy_network(*more: dict[str, Any]) -> tuple[IntegerNetwork, Samples]:
    net = network(
        [{"neurons": 16, "complex_input": False}, *more],
        channels=70, steps_max=STEPS, tensors={"layers.0.threshold": np.full(16, 90)},
    )  # fmt: skip
    rng = np.random.default_rng(6)
    rates = np.array([0, 0.02, 0.1, 0.5])[:, None, None]
    x = (rng.random((4, STEPS, 70)) < rates).astype(np.int64)
    return net, Samples(x, np.full(4, STEPS))


@pytest.mark.parametrize("lanes", [Lanes(8, 1), Lanes(2, 2)], ids=str)
def test_a_sample_takes_the_cycles_that_the_headers_state(
    tmp_path: Path, clock: Path, lanes: Lanes
) -> None:
    net, samples = busy_network({"neurons": 8})
    scores, cycles = simulate(tmp_path, clock, net, samples, lanes)
    each, expected = iterations(net, samples, lanes)
    assert np.array_equal(scores, expected)
    formula = each.max(axis=2).sum(axis=1)
    slowest = each.sum(axis=1).max(axis=1)  # no schedule can be faster
    filling = each.shape[2] * 2 + 3 * each.max(axis=(1, 2))
    assert (cycles >= slowest).all()
    assert (cycles <= formula + filling).all(), (cycles, formula, filling)
    assert (formula + filling < each.sum(axis=(1, 2))).all()  # one after the other is no answer


def test_a_layer_with_skip_is_not_slowed_by_the_way_around_it(tmp_path: Path, clock: Path) -> None:
    net = network([{"neurons": 8, "skip": True}] * 2, channels=8, steps_max=STEPS, bits=2)
    rng = np.random.default_rng(2)
    x = rng.integers(0, 4, (3, STEPS, 8)) * (rng.random((3, STEPS, 8)) < 0.2)
    samples, lanes = Samples(x, np.full(3, STEPS)), Lanes(8, 1)
    (tmp_path / "as it is").mkdir()
    scores, cycles = simulate(tmp_path / "as it is", clock, net, samples, lanes)
    assert np.array_equal(scores, golden.run(net, samples).scores)
    (tmp_path / "wide").mkdir()
    more = {"variable=around depth=2": "variable=around depth=64"}
    same, wide = simulate(tmp_path / "wide", clock, net, samples, lanes, spiking=more)
    assert np.array_equal(same, scores)
    assert np.array_equal(wide, cycles)


def test_a_cycle_too_many_is_noticed(tmp_path: Path, clock: Path) -> None:
    net, samples = busy_network()
    slow = {"sum[l] = 0;": "sum[l] = 0; hls::now++;"}
    _, cycles = simulate(tmp_path, clock, net, samples, Lanes(8, 1), synapse=slow)
    each, _ = iterations(net, samples, Lanes(8, 1))
    filling = each.shape[2] * 2 + 3 * each.max(axis=(1, 2))
    assert (cycles > each.max(axis=2).sum(axis=1) + filling).any()


def test_a_deadlock_is_noticed(tmp_path: Path, clock: Path) -> None:
    net, samples = busy_network()
    # a step of more events than the FIFO holds, counted behind them
    last = "rest &= rest - 1;\n            }\n        }\n"
    late = {"counts.write(count);": "", last: last + "counts.write(count);\n"}
    with pytest.raises(ToolError, match=r"deadlock: waits for events\ndeadlock: waits for counts"):
        simulate(tmp_path, clock, net, samples, Lanes(8, 1), synapse=late)
