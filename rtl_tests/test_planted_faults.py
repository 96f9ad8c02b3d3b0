"""Faults planted in copies of the RTL: each must turn one of the suite's own checks red."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simulation
from networks import Case, at_threshold, network, readout, samples, spiking, write
from simulation import RTL, Result, check_cases, simulate

from rfssm.hls.design import Lanes

pytestmark = pytest.mark.rtl


def layer(seed: int, *, bits: int = 4, signed: bool = True, inputs: int = 6, **fields: Any) -> Case:
    """One small layer, with what its name says."""
    rng = np.random.default_rng(seed)
    net = network([spiking(rng, inputs, 6, **fields), readout(rng, 6)], bits=bits, signed=signed)
    return Case(net, samples(net, seed), Lanes(4, 2))


def half(rounding: str) -> Case:
    """A layer in which every other product ends in an exact half."""
    halves = np.random.default_rng(1).integers(-2, 3, (6, 2, 2))
    return layer(1, bits=3, transition=halves, transition_frac=1, rounding=rounding)


def threshold() -> Case:
    """A layer whose states meet their thresholds exactly."""
    case = layer(2, bits=2)
    return layer(2, bits=2, threshold=at_threshold(case.network, case.samples))


def lone_readout(score: str, *, ties: bool = False) -> Case:
    """A readout alone; with ``ties`` its classes share two rows of weights."""
    rng = np.random.default_rng(5)
    rows = rng.integers(-16, 16, (5, 6))
    chosen: dict[str, Any] = {"weight_u": rows[[0, 1, 0, 1, 1]] if ties else rows}
    if ties:
        chosen["leak"] = np.full(5, 11)
    net = network([readout(rng, 6, 5, score=score, **chosen)], bits=4, signed=True)
    return Case(net, samples(net, 5))


@dataclass(frozen=True, eq=False)
class Check:
    """One of the suite's own checks: a module's own bench with these parameters.

    module        whose bench it is
    parameters    of the module; what else its bench reads is put into the folder
    only          the tests that are meant
    place         folder of the module in that of the RTL
    """

    module: str
    parameters: Callable[[Path], dict[str, int | str]]
    only: str
    place: str = ""

    @property
    def bench(self) -> str:
        return f"{self.module}.{self.module}_tb"

    def run(self, folder: Path, rtl: Path) -> list[Result]:
        parameters = self.parameters(folder)
        return simulate(
            self.module, self.bench, folder, parameters=parameters, rtl=rtl / self.place,
            only=self.only,
        )  # fmt: skip


def of_layer(case: Callable[[], Case], only: str = "golden") -> Check:
    """The layer's own bench, on one case."""
    return Check("rfssm_layer", lambda folder: write(case(), folder).layers[0], only)


def of_readout(case: Callable[[], Case], only: str = "golden") -> Check:
    """The readout's own bench, on one case."""
    return Check("rfssm_readout", lambda folder: write(case(), folder).readout, only)


def of_module(module: str, only: str, **parameters: int) -> Check:
    """The bench of a module that needs no network."""
    return Check(module, lambda _: dict(parameters), only)


def of_board_module(module: str, only: str, **parameters: int | str) -> Check:
    """The bench of a module that stands between a board's pins and the IP."""
    return Check(module, lambda _: dict(parameters), only, "boards")


def of_bridge(only: str) -> Check:
    return of_board_module(
        "rfssm_uart_bridge",
        only,
        CLKS_PER_BIT=4,
        BUFFER=16,
        TDATA_W=32,
        LABEL_W=5,
        IDENTITY="sixteen letters.",
    )


RND = of_layer(lambda: half("RND"))
RND_CONV = of_layer(lambda: half("RND_CONV"))
TRN_ZERO = of_layer(lambda: half("TRN_ZERO"))
THRESHOLD = of_layer(threshold)
ENDS = of_layer(lambda: layer(3, state_bits=6, guard_bits=2, bias_bits=6))
WIDEST_SUM = of_layer(lambda: layer(4, transition=np.full((6, 2, 2), -128), guard_bits=3))
RESETS = of_layer(lambda: layer(5, reset=np.full((6, 2), -40), threshold=np.full(6, 3)))
SAMPLES = of_layer(lambda: layer(6))
SKIP = of_layer(lambda: layer(7, skip=True))
RESET_IN_MID_SAMPLE = of_layer(lambda: layer(8), "reset")
LABEL = of_readout(lambda: lone_readout("sum", ties=True))
MAX = of_readout(lambda: lone_readout("max"))
EACH = of_readout(lambda: lone_readout("each"))
SKID = of_module("rfssm_skid", "nothing_is_lost", W=8)
ENCODER = of_module(
    "rfssm_encoder", "blocked_output", N=13, LANES=4, VALUE_W=1, IN_FLIGHT=9, DEPTH=32
)
DENSE = of_module("rfssm_dense", "no_pause", N_IN=20, VALUE_W=2, LANES=8)
MUL = of_module("rfssm_mul", "products", A_W=9, B_W=8)
SERIAL_IN = of_board_module("rfssm_uart_rx", "", CLKS_PER_BIT=12)
SERIAL_OUT = of_board_module("rfssm_uart_tx", "", CLKS_PER_BIT=5)
FRAME_IN = of_board_module("rfssm_frame_in", "")
FRAME_OUT = of_board_module("rfssm_frame_out", "frames/pattern=sink")
BRIDGE = of_bridge("no_pause")
BRIDGE_DAMAGE = of_bridge("damaged_frame")
BRIDGE_ORDER = of_bridge("only_a_first_frame")
BRIDGE_RESET = of_bridge("resets_the_ip")
BRIDGE_EARLY = of_bridge("before_the_reply")
BRIDGE_HANGS = of_bridge("ip_hangs")
CHECKS = {name: value for name, value in globals().items() if isinstance(value, Check)}


@dataclass(frozen=True)
class Fault:
    """One change of one file's text."""

    module: str
    text: str
    instead: str
    check: Check


LATE_SPIKE = """begin
          spikes[chunk_q[9]] <= late[chunk_q[9]];
          late[chunk_q[9]] <= spike_q;
        end
      end
      logic [LANES-1:0] late [0:CHUNKS-1];
      initial for (int k = 0; k < CHUNKS; k++) late[k] = '0;
      always_ff @(posedge clk) begin"""

FAULTS = {
    "floor_for_round_half_up": Fault(
        "rfssm_round", "assign moved = wide + HALF;", "assign moved = wide;", RND
    ),
    "half_up_for_half_to_even": Fault("rfssm_round", "&& !tie", "", RND_CONV),
    "floor_for_toward_zero": Fault("rfssm_round", "(a[A_W-1] ? MASK : '0)", "'0", TRN_ZERO),
    "at_least_for_above_the_threshold": Fault(
        "rfssm_cell", "assign spike = (u_next > limit);", "assign spike = u_next >= limit;",
        THRESHOLD,
    ),
    "a_carry_lost_in_the_sum_of_products": Fault(
        "rfssm_cell", "SUM_W  = PROD_W + 1;", "SUM_W  = PROD_W;", WIDEST_SUM
    ),
    "a_carry_lost_before_saturation": Fault(
        "rfssm_cell", "R_W    = ((Q_W > X_W) ? Q_W : X_W) + 1;", "R_W    = STATE_W + 1;", ENDS
    ),
    "reset_applied_one_step_late": Fault(
        "rfssm_cells", "spikes[chunk_q[9]] <= spike_q;", LATE_SPIKE, RESETS,
    ),
    "state_not_cleared_at_tlast": Fault(
        "rfssm_sweep", "fresh_q  <= wait_last_q[0];", "fresh_q  <= 1'b0;", SAMPLES
    ),
    "a_beat_dropped_under_back_pressure": Fault(
        "rfssm_skid", "ready_q <= move || !(spare_valid_q || take);", "ready_q <= 1'b1;", SKID
    ),
    "an_output_that_does_not_hold": Fault(
        "rfssm_encoder", "move = m_ready || !out_valid_q;", "move = 1'b1;", ENCODER
    ),
    "chunks_in_flight_forgotten_by_the_encoder": Fault(
        "rfssm_encoder", "DEPTH - IN_FLIGHT - 4", "DEPTH - 1", ENCODER
    ),
    "no_saturation_at_the_high_end": Fault(
        "rfssm_saturate", "!= {(A_W-Y_W+1){sign}});", "!= {(A_W-Y_W+1){sign}}) && sign;", ENDS
    ),
    "no_saturation_at_the_low_end": Fault(
        "rfssm_saturate", "!= {(A_W-Y_W+1){sign}});", "!= {(A_W-Y_W+1){sign}}) && !sign;", ENDS
    ),
    "the_silent_flag_ignored": Fault(
        "rfssm_cell", "silent ? '0 : current", "current", SAMPLES
    ),
    "a_bank_switched_one_cycle_early": Fault(
        "rfssm_synapse_accumulate", "filled = tag_q[STAGES][TAG_W-1];",
        "filled = tag_q[STAGES-1][TAG_W-1];", SAMPLES,
    ),
    "the_first_event_added_to_old_currents": Fault(
        "rfssm_synapse_accumulate", "o = start ? '0 : old", "o = old", SAMPLES
    ),
    "the_sign_of_a_value_ignored": Fault(
        "rfssm_synapse_accumulate", "{(VALUE_SIGNED != 0) && factor[VALUE_W-1], factor}",
        "{1'b0, factor}", SAMPLES,
    ),
    "a_label_tie_won_by_the_highest_class": Fault(
        "rfssm_packets", "s_score > best_q", "s_score >= best_q", LABEL
    ),
    "a_maximum_kept_across_samples": Fault(
        "rfssm_readout", "(first_q[8] || m_wide > old_q8)", "(m_wide > old_q8)", MAX
    ),
    "tlast_on_the_packet_of_every_step": Fault(
        "rfssm_packets", "m_last  = get_label_q && last_q[get_q];", "m_last  = get_label_q;", EACH
    ),
    "a_skip_value_not_cleared": Fault(
        "rfssm_skip", "if (step_free && !read_q) there0_q <= '0;", "", SKIP
    ),
    "a_step_in_flight_survives_reset": Fault(
        "rfssm_sweep", "run_q   <= 1'b0;\n      wait_q  <= '0;", "", RESET_IN_MID_SAMPLE
    ),
    "chunks_in_flight_survive_reset": Fault(
        "rfssm_cells", "if (rst) valid_q <= '0;", "", RESET_IN_MID_SAMPLE
    ),
    "tlast_before_the_dense_step_s_last_event": Fault(
        "rfssm_dense", ".s_last(last_q && end_chunk)", ".s_last(last_q)", DENSE
    ),
    "an_unsigned_product": Fault(
        "rfssm_mul", "p_q <= a_q * b_q;", "p_q <= $unsigned(a_q) * $unsigned(b_q);", MUL
    ),
    "bits_of_a_serial_byte_in_the_wrong_order": Fault(
        "boards/rfssm_uart_rx", "data_q <= {line_q, data_q[7:1]};",
        "data_q <= {data_q[6:0], line_q};", SERIAL_IN,
    ),
    "a_serial_byte_without_its_stop_bit_taken": Fault(
        "boards/rfssm_uart_rx", "valid_q <= line_q;", "valid_q <= 1'b1;", SERIAL_IN
    ),
    "a_serial_byte_sampled_at_its_edges": Fault(
        "boards/rfssm_uart_rx", "COUNT_W'(CLKS_PER_BIT / 2 - 1)", "COUNT_W'(CLKS_PER_BIT - 1)",
        SERIAL_IN,
    ),
    "a_serial_byte_cut_short": Fault(
        "boards/rfssm_uart_tx", "left_q  <= 4'd10;", "left_q  <= 4'd9;", SERIAL_OUT
    ),
    "the_crc_of_a_frame_ignored": Fault(
        "boards/rfssm_frame_in", "crc_q == RESIDUE && !escape_q", "!escape_q", BRIDGE_DAMAGE
    ),
    "a_wrong_term_of_the_crc": Fault(
        "boards/rfssm_crc16", "{5'b0, folded, 3'b0}", "{6'b0, folded, 2'b0}", FRAME_IN
    ),
    "an_escaped_byte_not_restored": Fault(
        "boards/rfssm_frame_in", "s_data[5] ^ escape_q", "s_data[5]", FRAME_IN
    ),
    "a_byte_of_a_reply_dropped_while_the_line_is_busy": Fault(
        "boards/rfssm_frame_out", "state_q == BODY && m_ready && !escape", "state_q == BODY",
        FRAME_OUT,
    ),
    "a_byte_of_an_event_dropped": Fault(
        "boards/rfssm_uart_bridge", "if (step_q != '0) word_q", "if (step_q > 3'd1) word_q", BRIDGE
    ),
    "tlast_of_a_sample_lost": Fault(
        "boards/rfssm_uart_bridge", "m_axis_tlast  = last_q && fed;", "m_axis_tlast  = 1'b0;",
        BRIDGE,
    ),
    "tlast_on_every_event_of_the_last_frame": Fault(
        "boards/rfssm_uart_bridge", "m_axis_tlast  = last_q && fed;", "m_axis_tlast  = last_q;",
        BRIDGE,
    ),
    "a_sample_goes_on_after_a_refused_frame": Fault(
        "boards/rfssm_uart_bridge", "else if (accept || abort) open_q <= 1'b0;", "", BRIDGE_ORDER
    ),
    "an_older_sample_not_reset": Fault(
        "boards/rfssm_uart_bridge", "(feed && first) || ", "", BRIDGE_RESET
    ),
    "a_frame_written_over_the_one_in_use": Fault(
        "boards/rfssm_uart_bridge", " && !length_q[ADDR_W] && !replying)", " && !length_q[ADDR_W])",
        BRIDGE_EARLY,
    ),
    "a_hanging_ip_never_given_up": Fault(
        "boards/rfssm_uart_bridge", "wire logic abort  = f_end && replying && identify;",
        "wire logic abort  = 1'b0;", BRIDGE_HANGS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_noticed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCOTB_MAX_FAILURES", "1")
    fault = FAULTS[name]
    rtl = tmp_path / "rtl"
    shutil.copytree(RTL, rtl)
    file = rtl / f"{fault.module}.sv"
    text = file.read_text()
    assert text.count(fault.text) == 1, f"{fault.module} no longer says: {fault.text}"
    file.write_text(text.replace(fault.text, fault.instead))
    results = fault.check.run(tmp_path / "run", rtl)
    assert any(result.failure for result in results), f"{len(results)} tests passed in spite of it"


@pytest.mark.parametrize("module", sorted({check.module for check in CHECKS.values()}))
def test_without_a_fault_the_same_checks_pass(module: str, tmp_path: Path) -> None:
    """All checks of a module in one run of the simulator; for each of them a test ran."""
    checks = {name: check for name, check in CHECKS.items() if check.module == module}
    some = next(iter(checks.values()))
    rtl = RTL / some.place
    if module in ("rfssm_layer", "rfssm_readout"):  # every check has a network of its own
        meant = [rf"\b{name}\..*{check.only}" for name, check in checks.items()]
        cases = {name: check.parameters(tmp_path / name) for name, check in checks.items()}
        passed = check_cases(module, some.bench, tmp_path, cases, rtl=rtl, only="|".join(meant))
    else:
        meant = [check.only for check in checks.values()]
        parameters = some.parameters(tmp_path)
        assert all(check.parameters(tmp_path) == parameters for check in checks.values())
        passed = simulation.check(
            module, some.bench, tmp_path, parameters=parameters, rtl=rtl, only="|".join(meant)
        )
    for pattern in meant:
        assert any(re.search(pattern, result.name) for result in passed), pattern


def test_the_documents_count_the_faults() -> None:
    page = Path(__file__).resolve().parents[1] / "docs" / "evidence" / "checks.md"
    assert f"- in the RTL, {len(FAULTS)} (`rtl_tests/test_planted_faults.py`)" in page.read_text()


def test_every_check_has_a_fault() -> None:
    assert {id(fault.check) for fault in FAULTS.values()} == {
        id(check) for check in CHECKS.values()
    }
