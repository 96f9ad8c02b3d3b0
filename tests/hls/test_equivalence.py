"""Netlists are proved against the RTL; planted faults and wrong counterparts are not."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from kept_yosys import run_yosys
from rtl_cases import network

from rfssm.errors import HardwareError, ToolError
from rfssm.hls.design import Design, Lanes
from rfssm.hls.synthesis import equivalence, yosys
from rfssm.hls.synthesis.equivalence import OPEN, PROVED, Equivalence, MemoryCells, prove
from rfssm.hls.synthesis.proof import counterparts
from rfssm.hls.synthesis.proof.gates import FALSE, TRUE, Gates, Reading, Value
from rfssm.hls.synthesis.proof.memory_cells import shrink
from rfssm.scripts.proof_tables import summary, verdict

TOP = "dut_axis"
RTL = Path(str(files("rfssm.hls"))) / "rtl"
LANE = "core.layer0.cells.g_lane[0].lane.g_part[0]"


@cache
def netlist_of(family: str) -> yosys.Netlist:
    """Of a small network that has every module of a layer, with memories and multipliers."""
    net = network(
        [{"neurons": 3, "reset": True, "bias_bits": 4, "state_bits": 7, "transition_bits": 6,
          "transition_frac": 4, "weight_bits": 3}],
        channels=2, bits=2, classes=2, state_bits=8, weight_bits=3,
    )  # fmt: skip
    return yosys.synthesize(Design.of(net, Lanes(2, 1), "dut"), family, TOP)


def changed(
    netlist: yosys.Netlist, folder: Path, change: Callable[[dict[str, Any]], None]
) -> yosys.Netlist:
    """A netlist with a fault, and the RTL as it was."""
    made = json.loads((netlist.folder / "netlist.json").read_text())
    change(made["modules"][netlist.top])
    (folder / "netlist.json").write_text(json.dumps(made))
    (folder / "elaborated.il").write_bytes((netlist.folder / "elaborated.il").read_bytes())
    return yosys.Netlist(netlist.family, netlist.top, folder)


def names(points: list[equivalence.Point]) -> set[str]:
    return {point.name for point in points}


def driver(module: dict[str, Any], bit: Any, kind: str) -> dict[str, Any]:
    """The cell that drives a net."""
    found = [
        cell
        for cell in module["cells"].values()
        for pin, bits in cell["connections"].items()
        if bit in bits and cell["port_directions"][pin] == "output"
    ]
    assert [cell["type"] for cell in found] == [kind]
    cell: dict[str, Any] = found[0]
    return cell


def bit_of(module: dict[str, Any], name: str, at: int = 0) -> Any:
    return module["netnames"][name]["bits"][at]


# -- small logic -----------------------------------------------------------------------------------


def test_gates_are_their_truth_tables_and_equal_ones_are_one() -> None:
    gates = Gates()
    a, b, c = (gates.input(name) for name in "abc")
    for x, y, z in product((a, a ^ 1, b, FALSE, TRUE), (b, b ^ 1, FALSE), (c, c ^ 1, a, TRUE)):
        made = (gates.both(x, y), gates.either(x, y), gates.differ(x, y), gates.choose(x, y, z))
        v, w, u = gates.simulate([x, y, z])
        ones = gates.simulate([TRUE])[0]
        assert gates.simulate(made) == [v & w, v | w, v ^ w, (u & v) | (w & (ones ^ v))]
    assert gates.differ(a, gates.both(b, c)) == gates.differ(gates.both(c, b) ^ 1, a) ^ 1


def cell(kind: str, y: int, **pins: Any) -> dict[str, Any]:
    return {"type": kind, "connections": {**{k: [v] for k, v in pins.items()}, "Y": [y]}}


@pytest.mark.parametrize(
    "kind", ["AND", "NAND", "OR", "NOR", "XOR", "XNOR", "ANDNOT", "ORNOT", "MUX", "NOT"]
)
def test_a_result_is_open_where_both_values_of_an_open_pin_are_possible(kind: str) -> None:
    """Each pin 0, 1 or x; the result is what all values that an x may have agree on."""
    pins = "ABS" if kind == "MUX" else "A" if kind == "NOT" else "AB"
    values = {"0": Value(FALSE), "1": Value(TRUE), "x": Value(FALSE, TRUE)}

    def computed(said: tuple[str, ...]) -> Value:
        made = cell(f"$_{kind}_", 9, **dict(zip(pins, said, strict=True)))
        return Reading(Gates(), {9: made}, lambda _: values["x"], lambda: values["x"]).of(9)

    for said in product("01x", repeat=len(pins)):
        known = {
            computed(each).is_one
            for each in product(*("01" if pin == "x" else pin for pin in said))
        }
        found = computed(said)
        assert (found.is_open == TRUE) == (len(known) > 1), said
        if found.is_open == FALSE:
            assert {found.is_one} == known


def test_a_memory_keeps_the_words_that_it_can_address() -> None:
    words = [f"{k:03b}" for k in range(8)]
    memory = {
        "parameters": {"ABITS": "11", "WIDTH": "11", "SIZE": "1000", "OFFSET": "0",
                       "INIT": "".join(reversed(words))},
        "connections": {"RD_ADDR": [5, "1", 6], "WR_ADDR": [7, "1", 8],
                        "WR_EN": [9, 9, 9], "RD_DATA": [1, 2, 3]},
    }  # fmt: skip
    assert shrink(memory, {2}) == [0, 2]
    assert memory["connections"]["RD_ADDR"] == [5, 6]
    assert memory["connections"]["WR_ADDR"] == [7, 8]
    assert memory["parameters"]["INIT"] == "".join(words[k] for k in (7, 6, 3, 2))
    assert int(memory["parameters"]["SIZE"], 2) == 4


# -- whole networks --------------------------------------------------------------------------------

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize("family", ["generic", "ecp5", "ice40"])
def test_every_register_of_a_network_is_proved(family: str) -> None:
    found = prove(netlist_of(family))
    assert found.holds
    assert found.open == []
    registers = found.of("register")
    assert len(registers) + len(found.absent) == found.registers > 900
    assert len(found.of("register", PROVED)) > 0.95 * found.registers
    assert {p.name.split(".")[-1].split("[")[0] for p in found.cut} <= {"p_q", "p", "product_q"}
    assert {p.result for p in found.points if p.kind != "register"} == {PROVED}
    blocks = {"generic": {}, "ecp5": {"MULT18X18D": 5}, "ice40": {"SB_MAC16": 5}}[family]
    assert dict(found.blocks) == blocks
    assert len(found.memories) == {"generic": 0, "ecp5": 8, "ice40": 1}[family]
    assert not any(word in verdict(found).lower() for word in ("equivalent", "not proved"))


MEMORIES = """
module dut (
  input clk, we, input [2:0] wa, input [3:0] ra, input [17:0] d,
  output reg [17:0] q, output reg [9:0] r
);
  (* ram_style = "block" *) reg [17:0] m [0:5];
  (* rom_style = "block" *) reg [9:0] c [0:15];
  integer k;
  initial for (k = 0; k < 16; k = k + 1) c[k] = 37 * k * k + 11;
  always @(posedge clk) begin
    q <= m[ra[2:0]];
    r <= c[ra];
    if (we) m[wa] <= d;
  end
endmodule
"""


READ_PORT = """
module dut (input clk, we, input [3:0] wa, ra, input [2:0] d, c, output reg [2:0] sum);
  (* ram_style = "block" *) reg [2:0] m [0:15];
  reg [2:0] row;
  always @(posedge clk) begin
    row <= m[ra];
    sum <= row + c;
    if (we) m[wa] <= d;
  end
endmodule
"""


PRODUCT = """
module dut (input clk, input [7:0] a, b, c, output reg [16:0] sum);
  reg [7:0] x, y;
  wire [15:0] p;
  rfssm_mul #(.A_W(8), .B_W(8)) multiplier (.clk(clk), .a(x), .b(y), .p(p));
  always @(posedge clk) begin
    x <= a;
    y <= b;
    sum <= $signed(p) + $signed(c);
  end
endmodule
"""


def made_of(source: str, family: str, folder: Path, *, dsp: bool = False) -> yosys.Netlist:
    """The netlist of a module ``dut``, which may use the family's multiplier."""
    folder.mkdir()
    (folder / "dut.sv").write_text(source)
    (folder / "rfssm_mul.sv").write_bytes((RTL / family / "rfssm_mul.sv").read_bytes())
    run_yosys(
        "made",
        "read_verilog -sv rfssm_mul.sv dut.sv\nhierarchy -top dut\nproc\nflatten\n"
        "write_rtlil elaborated.il\n"
        f"synth_{family} {'-dsp' if dsp else ''} -top dut\nwrite_json netlist.json\n",
        cwd=folder,
    )
    return yosys.Netlist(family, "dut", folder)


@pytest.mark.parametrize(
    ("family", "kind", "cells"), [("ecp5", "DP16KD", 1), ("ice40", "SB_RAM40_4K", 2)]
)
def test_words_and_contents_of_block_memories_are_proved(
    family: str, kind: str, cells: int, tmp_path: Path
) -> None:
    netlist = made_of(MEMORIES, family, tmp_path / "made")
    found = prove(netlist)
    assert found.holds
    assert dict(found.memories) == {"m": MemoryCells(kind, cells, bits=108, late=True)}
    assert (len(found.of("register", PROVED)), len(found.of("output", PROVED))) == (136, 28)

    made = json.loads((netlist.folder / "netlist.json").read_text())
    rom = made["modules"]["dut"]["cells"]["c.0.0"]["parameters"]
    key = "INITVAL_00" if family == "ecp5" else "INIT_0"
    rom[key] = rom[key][:-1] + "10"[int(rom[key][-1])]
    (netlist.folder / "netlist.json").write_text(json.dumps(made))
    assert names(prove(netlist).open) == {"r[0]"}


def cross_read_data(module: dict[str, Any]) -> None:
    """Two bits that a block memory gives, each in the other's place."""
    memory = module["cells"]["m.0.0"]["connections"]["RDATA"]
    used = [i for i, bit in enumerate(memory) if is_read(module, bit)][:2]
    memory[used[0]], memory[used[1]] = memory[used[1]], memory[used[0]]


def is_read(module: dict[str, Any], bit: Any) -> bool:
    return any(
        bit in bits and cell["port_directions"][pin] == "input"
        for cell in module["cells"].values()
        for pin, bits in cell["connections"].items()
    )


@pytest.fixture(scope="module")
def read_port(tmp_path_factory: pytest.TempPathFactory) -> yosys.Netlist:
    return made_of(READ_PORT, "ice40", tmp_path_factory.mktemp("read_port") / "made")


@pytest.fixture
def afresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proofs that are made in each run, but for what Yosys does in them."""

    def build_afresh(kind: str, _: object, build: Callable[[Path], None]) -> Path:
        folder = Path(tempfile.mkdtemp(prefix=kind, dir=tmp_path))
        build(folder)
        return folder

    monkeypatch.setattr(equivalence, "cached", build_afresh)
    monkeypatch.setattr(yosys, "run_yosys", run_yosys)


def test_a_register_in_a_read_port_is_found_without_its_name(
    read_port: yosys.Netlist, tmp_path: Path
) -> None:
    netlist = read_port
    module = json.loads((netlist.folder / "netlist.json").read_text())["modules"]["dut"]
    assert "row" not in module["netnames"]
    found = prove(netlist)
    assert found.holds
    assert found.absent == ()
    assert {f"row[{i}]" for i in range(3)} <= names(found.of("register", PROVED))

    wrong = prove(changed(netlist, tmp_path, cross_read_data))
    assert not wrong.holds
    assert wrong.absent
    assert {name.split("[")[0] for name in wrong.absent} == {"row"}
    assert {point.absent for point in wrong.open} != {()}
    assert {point.name.split("[")[0] for point in wrong.open} == {"sum"}


@pytest.mark.usefixtures("afresh")
def test_a_wrong_net_for_a_register_without_a_name_does_not_pass(
    read_port: yosys.Netlist, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = counterparts.find

    def first(both: Any, register: Any, *nets: Any) -> Any:
        return find(both, both.sides.rtl.names["row[0]"], *nets)  # whatever bit was asked for

    monkeypatch.setattr(counterparts, "find", first)
    found = prove(read_port)
    assert not found.holds
    assert {"row[1]", "row[2]"} <= names(found.open)
    assert "row[0]" in names(found.of("register", PROVED))


def plant_ice40(module: dict[str, Any]) -> None:
    """A look-up table, a flip-flop's input, pins of a memory and a block, a block's parameter."""
    table = driver(module, bit_of(module, f"{LANE}.next_q8", 2), "SB_DFF")["connections"]["D"]
    parameters = driver(module, table[0], "SB_LUT4")["parameters"]
    init = parameters["LUT_INIT"]
    parameters["LUT_INIT"] = "".join("10"[int(digit)] for digit in init)
    one, other = (
        driver(module, bit_of(module, f"{LANE}.x_q6", at), "SB_DFF")["connections"] for at in (2, 3)
    )
    one["D"], other["D"] = other["D"], one["D"]
    pins = module["cells"]["core.layer0.encoder.fifo.0.0"]["connections"]["WDATA"]
    used = [i for i, bit in enumerate(pins) if isinstance(bit, int)][:2]
    pins[used[0]], pins[used[1]] = pins[used[1]], pins[used[0]]
    block = module["cells"][f"{LANE}.mul_u.g_block.g_piece[0].block"]
    block["parameters"]["A_REG"] = "0"
    a = block["connections"]["A"]
    a[0], a[1] = a[1], a[0]


def test_planted_faults_of_an_ice40_netlist_are_found_and_nothing_else_is(tmp_path: Path) -> None:
    found = prove(changed(netlist_of("ice40"), tmp_path, plant_ice40))
    assert not found.holds
    block = f"{LANE}.mul_u.g_block.g_piece[0].block"
    assert found.different == (f"{block}: A_REG = 0 where the RTL has 1",)
    open_ = names(found.open)
    fifo = {name for name in open_ if ".encoder." in name}
    assert open_ - fifo == {
        *(f"{block}.A[{i}]" for i in (0, 1)),
        f"{LANE}.next_q8[2]",
        *(f"{LANE}.x_q6[{i}]" for i in (2, 3)),
    }
    assert fifo
    assert all("fifo" in name or name.endswith("_q") or "_q[" in name for name in fifo)
    text = "\n".join(str(part) for part in summary(found, ["layer0.cells"]))
    assert f"DIFFERENT: {block}: A_REG = 0 where the RTL has 1" in text
    assert f"NOT proved: register {LANE}.next_q8, 1 bits" in text


def plant_ecp5(module: dict[str, Any]) -> None:
    """Pins of a LUT memory, and the output register of a multiplier."""
    pins = module["cells"]["core.layer0.cells.g_lutram.states.0.1"]["connections"]["WAD"]
    pins[0], pins[1] = pins[1], pins[0]
    block = module["cells"][f"{LANE}.mul_v.g_block.block"]
    block["parameters"]["REG_OUTPUT_CLK"] = "NONE"


def test_planted_faults_of_an_ecp5_netlist_are_found_and_nothing_else_is(tmp_path: Path) -> None:
    found = prove(changed(netlist_of("ecp5"), tmp_path, plant_ecp5))
    block = f"{LANE}.mul_v.g_block.block"
    assert found.different == (f"{block}: REG_OUTPUT_CLK = NONE where the RTL has CLK0",)
    assert names(found.open)
    assert {name.split("[")[0] for name in names(found.open)} == {
        "core.layer0.cells.g_lutram.states"
    }


def test_ice40_multipliers_rewritten_by_yosys_are_found(tmp_path: Path) -> None:
    """With -dsp: registers of the block go, the sum is taken in, and Yosys says nothing."""
    found = prove(made_of(PRODUCT, "ice40", tmp_path / "dsp", dsp=True))
    assert not found.holds
    assert any("A_REG = 0 where the RTL has 1" in line for line in found.different)
    assert found.open
    assert prove(made_of(PRODUCT, "ice40", tmp_path / "plain")).holds


@pytest.mark.usefixtures("afresh")
def test_a_wrong_counterpart_does_not_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    match = counterparts.match
    one, other = "sum[1]", "sum[2]"

    def swapped(both: Any) -> Any:
        memories = match(both)
        a, b = (both.sides.rtl.names[name] for name in (one, other))
        found = both.counterparts
        found[a], found[b] = found[b], found[a]
        return memories

    netlist = made_of(PRODUCT, "ecp5", tmp_path / "made")
    assert prove(netlist).holds
    monkeypatch.setattr(counterparts, "match", swapped)
    found = prove(netlist)
    assert {one, other} <= names(found.open)
    assert {p.result for p in found.points if p.name in (one, other)} == {OPEN}
    assert not found.holds


@pytest.mark.usefixtures("afresh")
def test_what_cannot_be_proved_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match="family = 'xc7': its cells have no models"):
        equivalence.check_family("xc7")

    def add_clock(module: dict[str, Any]) -> None:
        flip_flops = [c for c in module["cells"].values() if c["type"].startswith("$_DFF_P_")]
        flip_flops[0]["connections"]["C"] = flip_flops[1]["connections"]["D"]

    with pytest.raises(ToolError, match=r"netlist: registers on .*; the proof knows one clock"):
        prove(changed(netlist_of("generic"), tmp_path, add_clock))


def test_a_report_is_what_the_cache_gives_back() -> None:
    first, again = prove(netlist_of("generic")), prove(netlist_of("generic"))
    assert isinstance(first, Equivalence)
    assert first == again
    told = json.loads(json.dumps(first.to_json()))
    assert told["registers"]["all"] == first.registers
    assert told["registers"]["proved"] == len(first.of("register", PROVED))
    assert told["open"] == []
