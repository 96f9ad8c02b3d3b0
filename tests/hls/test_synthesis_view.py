"""What a vendor's tool would see: the rules of synthesisable C++, and the same bits."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import hls_view
import numpy as np
import pytest
from kept_compiler import kept_compilers
from rtl_cases import network

from rfssm.hls.design import Lanes
from rfssm.hls.hls4ml.backend import AP_TYPES, FLAGS, HOST
from rfssm.hls.hls4ml.plugin import BACKENDS, convert_network
from rfssm.hls.hls4ml.templates import HEADERS
from rfssm.hls.toolchain import gxx, run_tool
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

pytestmark = pytest.mark.hls

LANES = Lanes(synapse=4, neuron=2)


def everything(score: str = "sum") -> IntegerNetwork:
    """Every part of the kernels: two masks of inputs, complex and real, bias, reset, skip."""
    return network(
        [
            {"neurons": 6, "reset": True, "bias_bits": 5},
            {"neurons": 6, "skip": True, "complex_input": False, "rotation": False},
            {"neurons": 5, "bias_bits": 4, "complex_input": False},
        ],
        channels=70, bits=2, signed=True, score=score, bias_bits=6,
    )  # fmt: skip


def written(folder: Path, backend: str = "RFSSM") -> Path:
    convert_network(everything(), folder, backend, lanes=LANES, name="network", rtl=False).write()
    return folder


# -- rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_synthesised_text_keeps_every_rule(tmp_path: Path, backend: str) -> None:
    view = hls_view.preprocessed(written(tmp_path, backend))
    assert {"network.cpp", "nnet_spiking.h", "nnet_readout.h", "nnet_synapse.h"} <= set(view)
    assert hls_view.violations(view) == []
    loops = sum(text.count("for (") for text in view.values())
    assert loops == sum(
        len(re.findall(r"^ *\w+:\n *for \(", (HEADERS / name).read_text(), re.MULTILINE))
        for name in view
        if (HEADERS / name).exists()
    )
    assert loops >= 15


VIOLATIONS = {
    "heap": ("nnet_spiking.h", "bool s[n_chunks * lanes];", "bool *s = new bool[n_chunks * lanes];",
             "dynamic memory: new"),
    "malloc": ("nnet_synapse.h", "event_T kept[CONFIG_T::n_in];",
               "event_T *kept = (event_T *)malloc(CONFIG_T::n_in * sizeof(event_T));",
               "dynamic memory: malloc"),
    "vector": ("nnet_readout.h", "state_t m[CONFIG_T::n_out];",
               "std::vector<state_t> m(CONFIG_T::n_out);", "dynamic memory: vector"),
    "while": ("nnet_synapse.h", "if (silent)\n            count = 1;",
              "while (count == 0)\n            count = 1;", "unbounded loop: while"),
    "goto": ("nnet_readout.h", "res.write(score);\n            }\n            continue;",
             "goto Steps;\n            }\n            continue;", "unbounded loop: goto"),
    "state kept between calls": ("nnet_readout.h", "    res_T score;\n",
                                 "    static res_T score;\n", "static state: static res_T"),
    "console": ("nnet_spiking.h", "res.write(y);\n    }\n}",
                'printf("step");\n        res.write(y);\n    }\n}', "system call: printf"),
    "floating point": ("nnet_cell.h", "whole.V = rounded.V;",
                       "whole.V = (double)rounded.V;", "floating point: double"),
    "recursion": ("nnet_synapse.h", "return (n + d - 1) / d;",
                  "return n <= d ? 1 : 1 + ceil_div(n - d, d);", "recursion: ceil_div"),
    "no label": ("nnet_spiking.h", "    Silence:\n", "", "loop without a label"),
    "no pragma": ("nnet_readout.h", "#pragma HLS PIPELINE II=1", "",
                  "Classes: neither PIPELINE II= nor UNROLL"),
    "no interval": ("nnet_readout.h", "#pragma HLS PIPELINE II=1", "#pragma HLS PIPELINE",
                    "Classes: neither PIPELINE II= nor UNROLL"),
    "no limit": ("nnet_synapse.h", "#pragma HLS LOOP_TRIPCOUNT min=n_words max=most", "",
                 "Events: bound 'count * n_words' is not constant"),
    "bound from outside": ("nnet_spiking.h", "k < n_chunks; k++", "k < n_chunks + first_t; k++",
                           "Chunks: bound 'n_chunks + first_t' is not constant"),
    "weights of any number": ("nnet_synapse.h", "weight[CONFIG_T::n_weight]", "*weight",
                              "synapse: weight under ARRAY_* has no declared size"),
    "thresholds of any number": ("nnet_spiking.h", "threshold[CONFIG_T::n_threshold]",
                                 "threshold[]", "spiking_cells: threshold under ARRAY_* has no"),
    "loose event": ("nnet_synapse.h", "PRAGMA_DATA_PACK(next)", "",
                    "encode: next is written to a stream without PRAGMA_DATA_PACK"),
    "loose scores": ("nnet_readout.h", "PRAGMA_DATA_PACK(score)", "PRAGMA_DATA_PACK(m)",
                     "integrators: score is written to a stream without PRAGMA_DATA_PACK"),
    "loose step": ("nnet_spiking.h", "PRAGMA_DATA_PACK(x)", "",
                   "fork: x is written to a stream without PRAGMA_DATA_PACK"),
    "bound that is read": ("nnet_synapse.h", "k < count * n_words; k++) {",
                           "k < counts.read(); k++) {\n#pragma HLS PIPELINE II=1\nint nothing;",
                           "Events: bound 'counts . read ( )' is not constant"),
}  # fmt: skip


@pytest.mark.parametrize("name", VIOLATIONS)
def test_planted_violations_are_found(tmp_path: Path, name: str) -> None:
    file, old, new, message = VIOLATIONS[name]
    header = written(tmp_path) / "firmware" / "nnet_utils" / file
    text = header.read_text()
    assert old in text
    header.write_text(text.replace(old, new, 1))
    found = hls_view.violations(hls_view.preprocessed(tmp_path))
    assert any(line.startswith(f"{file}: {message}") for line in found), found


def test_what_only_simulation_sees_breaks_no_rule(tmp_path: Path) -> None:
    header = written(tmp_path) / "firmware" / "nnet_utils" / "nnet_cell.h"
    text = header.read_text().replace(
        "namespace nnet {\n",
        "namespace nnet {\n#ifndef __SYNTHESIS__\nstatic int *kept = new int;\n#endif\n",
    )
    header.write_text(text)
    assert "new int" in text
    assert hls_view.violations(hls_view.preprocessed(tmp_path)) == []


def test_every_pipeline_says_why_its_interval_is_what_it_is() -> None:
    pipelines = 0
    for header in HEADERS.glob("*.h"):
        lines = [line.strip() for line in header.read_text().splitlines()]
        for above, line in pairwise(lines):
            if "PIPELINE" in line and line.startswith("#pragma"):
                pipelines += 1
                interval = re.fullmatch(r"#pragma HLS PIPELINE II=(\d+)", line)
                assert interval, f"{header.name}: {line}"
                assert above.startswith(f"// II = {interval[1]}: "), f"{header.name}: {above}"
    assert pipelines >= 6


@pytest.mark.parametrize("backend", BACKENDS)
def test_layers_are_processes_with_short_fifos_between(tmp_path: Path, backend: str) -> None:
    top = (written(tmp_path, backend) / "firmware" / "network.cpp").read_text()
    assert "#pragma HLS DATAFLOW" in top
    assert "#pragma HLS INTERFACE axis port=x,layer5_out" in top
    depths = re.findall(r"#pragma HLS STREAM variable=(\w+) depth=(\d+)", top)
    assert depths == [("layer2_out", "2"), ("layer3_out", "2"), ("layer4_out", "2")]
    assert re.findall(r"nnet::(\w+)<", top.split("#endif")[-1]) == [
        "spiking", "spiking_skip", "spiking", "readout",
    ]  # fmt: skip


# -- lanes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_lanes_reach_the_cpp(tmp_path: Path, backend: str) -> None:
    parameters = (written(tmp_path, backend) / "firmware" / "parameters.h").read_text()
    assert re.findall(r"(\w+)_lanes = (\d+);", parameters) == [
        ("synapse", "4"), ("neuron", "2"), ("synapse", "4"), ("neuron", "2"),
        ("synapse", "4"), ("neuron", "2"), ("synapse", "4"),
    ]  # fmt: skip
    # 70 inputs, two words of four neurons, u and v
    weights = (tmp_path / "firmware" / "weights" / "network_weight2.h").read_text()
    assert f"weight2[{70 * 2 * 8}]" in weights


# -- the same bits ---------------------------------------------------------------------------------


@pytest.fixture
def compilers() -> Iterator[None]:
    with kept_compilers():
        yield


_CLANG = pytest.mark.skipif(
    shutil.which("clang++") is None and not os.environ.get("CI"),
    reason="clang++ is missing: apt-get install clang",
)


@pytest.mark.usefixtures("compilers")
@pytest.mark.parametrize("compiler", ["g++", pytest.param("clang++", marks=_CLANG)])
def test_the_synthesised_text_has_no_warnings(tmp_path: Path, compiler: str) -> None:
    source = hls_view.write_view(written(tmp_path))
    flags = ["-std=c++11", "-Wall", "-Wextra"]
    # labels, and variables that pragmas alone read, mean nothing to a compiler for computers
    flags += [f"-Wno-{kind}" for kind in ("unknown-pragmas", "unused-label", "unused-variable")]
    told = run_tool(
        [
            gxx() if compiler == "g++" else compiler,
            *flags,
            "-fsyntax-only",
            "-isystem",
            AP_TYPES,
            source.name,
        ],
        cwd=tmp_path,
    )
    ours = [
        line
        for line in told.splitlines()
        if "warning:" in line and Path(line.split(":")[0]).name in hls_view.OURS - {HOST.name}
    ]
    assert ours == []


@pytest.mark.usefixtures("compilers")
def test_the_synthesised_text_gives_the_golden_scores(tmp_path: Path) -> None:
    net = everything("each")
    model = convert_network(net, tmp_path, "RFSSM", lanes=LANES, name="network", rtl=False)
    model.write()
    source = hls_view.write_view(tmp_path)
    bridge = tmp_path / "network_bridge.cpp"
    common = [gxx(), *FLAGS, "-O0", "-I", AP_TYPES, "-c"]
    run_tool([*common, source.name, "-o", "view.o"], cwd=tmp_path)
    run_tool([*common, "-include", HOST, bridge.name, "-o", "bridge.o"], cwd=tmp_path)
    run_tool([gxx(), "-shared", "view.o", "bridge.o", "-o", "view.so"], cwd=tmp_path)
    (tmp_path / "firmware" / "weights").rename(tmp_path / "nothing is read at run time")
    model._top_function_lib = ctypes.CDLL(str(tmp_path / "view.so"))
    assert not hasattr(model._top_function_lib, "rfssm_set_steps")
    rng = np.random.default_rng(8)
    x = rng.integers(-2, 2, (12, 12, 70)) * (rng.random((12, 12, 70)) < 0.3)
    x[0, 3:] = 0
    expected = golden.run(net, Samples(x, np.full(12, 12)), spikes=True)
    assert expected.spikes is not None
    assert all(0.02 < s.mean() < 0.98 for s in expected.spikes)
    scores = model.predict(x.astype(np.float64))
    assert np.array_equal(scores.reshape(expected.scores.shape), expected.scores)
