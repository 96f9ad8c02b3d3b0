"""Modules of one stream: nothing lost, repeated or out of order, and how long anything waits."""

from pathlib import Path
from typing import NamedTuple

import pytest
from formal.proof import Change, Proof

pytestmark = pytest.mark.rtl

PROOFS = {
    "skid": Proof("rfssm_skid", 2, {"W": 3}),
    "axis_in": Proof("rfssm_axis_in", 2, {"N_IN": 5, "VALUE_W": 2}),
    "axis_out": Proof("rfssm_axis_out", 2, {"DATA_W": 3, "TDATA_W": 8}),
    # as rfssm_layer has it
    "encoder": Proof(
        "rfssm_encoder", 2, {"N": 12, "LANES": 4, "VALUE_W": 1, "IN_FLIGHT": 10, "DEPTH": 32}
    ),
    "encoder_of_values": Proof(
        "rfssm_encoder", 2, {"N": 4, "LANES": 2, "VALUE_W": 2, "IN_FLIGHT": 8, "DEPTH": 16}
    ),
    "encoder_of_one_lane": Proof(
        "rfssm_encoder", 2, {"N": 2, "LANES": 1, "VALUE_W": 1, "IN_FLIGHT": 8, "DEPTH": 16}
    ),
}


class Twin(NamedTuple):
    proof: str
    promise: str
    text: str
    instead: str
    after: int = 0


TWINS = {
    "the_spare_beat_forgotten": Twin(
        "skid", "marked_unchanged", "data_q        <= spare_valid_q ? spare_q : s_data;",
        "data_q <= s_data;",
    ),
    "a_beat_swallowed": Twin(
        "skid", "nothing_waits", "valid_q       <= spare_valid_q || take;",
        "valid_q <= spare_valid_q;",
    ),
    "a_stalled_output_changes": Twin(
        "skid", "holds", "wire logic move = m_ready || !valid_q;",
        "wire logic move = m_ready || !valid_q || (take && s_data == '0);",
    ),
    "a_beat_taken_with_the_buffer_full": Twin(
        "skid", "nothing_waits", "ready_q <= move || !(spare_valid_q || take);",
        "ready_q <= move || !spare_valid_q;",
    ),
    "never_ready_until_the_sink_is": Twin(
        "skid", "takes_again", "ready_q <= move || !(spare_valid_q || take);",
        "ready_q <= m_ready && !(spare_valid_q || take);",
    ),
    "a_beat_twice": Twin(
        "skid", "nothing_made_up", "spare_valid_q <= 1'b0;\n    end else", "end else"
    ),
    "a_beat_survives_reset": Twin("skid", "reset_empties", "      valid_q       <= 1'b0;\n", ""),
    "an_address_beyond_the_last_by_one": Twin(
        "axis_in", "value_unchanged", "(32'(addr) < N_IN)", "(32'(addr) <= N_IN)"
    ),
    "an_address_beyond_2_to_the_width": Twin(
        "axis_in", "value_unchanged", "(32'(addr) < N_IN)", "(32'(low) < N_IN)"
    ),
    "tlast_without_step_end": Twin(
        "axis_in", "last_ends_the_step", "s_axis_tdata[31] || s_axis_tlast", "s_axis_tdata[31]"
    ),
    "step_end_lost": Twin(
        "axis_in", "end_travels", "s_axis_tdata[31] || s_axis_tlast", "s_axis_tlast"
    ),
    "a_wrong_address": Twin(
        "axis_in", "addr_unchanged", "addr  = s_axis_tdata[27:16]", "addr  = s_axis_tdata[28:17]"
    ),
    "a_score_without_its_sign": Twin(
        "axis_out", "marked_unchanged", "TDATA_W'(s_data)", "TDATA_W'($unsigned(s_data))"
    ),
    "tlast_lost_behind_another_score": Twin(
        "axis_out", "last_travels", "{s_last, TDATA_W'(s_data)}",
        "{s_last && !m_axis_tvalid, TDATA_W'(s_data)}",
    ),
    "a_score_lost_under_back_pressure": Twin(
        "axis_out", "nothing_waits", ".m_ready(m_axis_tready)", ".m_ready(1'b1)"
    ),
    "a_stalled_score_changes": Twin(
        "axis_out", "holds", ".m_ready(m_axis_tready)", ".m_ready(1'b1)"
    ),
    "a_silent_event_in_a_step_with_values": Twin(
        "encoder_of_values", "value_in_its_place", "(s_step_end && !open))", "s_step_end)"
    ),
    "step_end_before_the_last_chunk": Twin(
        "encoder_of_values", "end_travels", "held_end_q  <= s_step_end;\n",
        "held_end_q  <= 1'b1;\n",
    ),
    "a_chunk_not_held_back": Twin(
        "encoder_of_values", "end_travels", "push = held_q && (held_end_q || (s_valid && some));",
        "push = held_q;",
    ),
    "last_of_an_empty_chunk_lost": Twin(
        "encoder_of_values", "end_travels", "held_last_q <= s_last;",
        "if (take) held_last_q <= s_last;",
    ),
    "step_end_at_every_event_of_the_last_chunk": Twin(
        "encoder_of_values", "end_travels", "out_end_q   <= end_q && finished;",
        "out_end_q   <= end_q;",
    ),
    "a_lane_dropped": Twin(
        "encoder_of_values", "all_lanes_once", "some_q & (some_q - 1'b1)",
        "some_q & (some_q - 2'd2)",
    ),
    "the_highest_lane_first": Twin(
        "encoder_of_values", "addr_in_its_place", "for (int i = LANES - 1; i >= 0; i--) if",
        "for (int i = 0; i < LANES; i++) if",
    ),
    "the_last_event_again_and_again": Twin(
        "encoder_of_values", "nothing_made_up", "if (finished) left_q <= 1'b0;", ""
    ),
    "the_last_chunk_stuck": Twin(
        "encoder_of_values", "offered_in_time", "(count_q != '0) && (!left_q",
        "(count_q > 1) && (!left_q",
    ),
    "a_stalled_event_changes": Twin(
        "encoder_of_values", "holds", "wire logic move = m_ready || !out_valid_q;",
        "wire logic move = m_ready || !out_valid_q || left_q;",
    ),
    "an_event_survives_reset": Twin(
        "encoder_of_values", "reset_empties", "      out_valid_q <= 1'b0;\n", ""
    ),
    "no_room_for_ever": Twin(
        "encoder_of_one_lane", "room_returns", "room_q  <= 32'(", "room_q  <= room_q && 32'("
    ),
    "room_for_the_depth_only": Twin(
        "encoder_of_one_lane", "nothing_overflows", "DEPTH - IN_FLIGHT - 4", "DEPTH", after=23
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PROOFS if name != "encoder_of_one_lane"])
def test_a_module_keeps_its_promises(name: str, tmp_path: Path) -> None:
    PROOFS[name].holds(tmp_path)


@pytest.mark.parametrize("name", ["skid", "axis_in", "axis_out", "encoder_of_values"])
def test_every_cover_is_reached(name: str, tmp_path: Path) -> None:
    PROOFS[name].is_not_vacuous(tmp_path)


@pytest.mark.parametrize("name", TWINS)
def test_a_broken_twin_fails(name: str, tmp_path: Path) -> None:
    twin = TWINS[name]
    proof = PROOFS[twin.proof]
    change = Change(proof.top, twin.text, twin.instead)
    proof.fails(tmp_path, twin.promise, change, after=twin.after)
