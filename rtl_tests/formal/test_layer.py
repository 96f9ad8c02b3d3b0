"""The parts of a layer: steps in order, currents exact, buffers never read and written at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from formal.proof import HERE, Change, Proof

pytestmark = pytest.mark.rtl

_FREE = {name: HERE / "free" / f"rfssm_{name}.sv" for name in
         ("rom", "mul", "synapse", "sweep", "encoder")}  # fmt: skip
_CELLS = {"N": 3, "LANES": 2, "STATE_W": 2, "TRANS_W": 2, "TRANS_FRAC": 1, "CURRENT_W": 2,
          "GUARD": 0, "COMPLEX": 0, "ROUND": 0}  # fmt: skip
_LAYER = {"N_IN": 3, "N_OUT": 3, "SYNAPSE_LANES": 2, "NEURON_LANES": 2, "WEIGHT_W": 2} | {
    name: value for name, value in _CELLS.items() if name not in ("N", "LANES")
}
_READOUT = {"N_IN": 2, "CLASSES": 2, "SYNAPSE_LANES": 4, "WEIGHT_W": 2, "CURRENT_W": 2,
            "STATE_W": 2, "LEAK_FRAC": 1, "GUARD": 0, "ROUND": 0}  # fmt: skip


def _proof(top: str, k: int, parameters: Mapping[str, int], *free: str, within: Sequence[str] = (),
           bound: int = 30) -> Proof:  # fmt: skip
    """A proof in which parts stand free, with the properties of other parts within."""
    extra = tuple(_FREE[name] for name in free)
    return Proof(top, k, parameters, (top, *within), extra, bound=bound)


def _synapse(k: int, **parameters: int) -> Proof:
    small = {"N_IN": 2, "WEIGHT_W": 2, "CURRENT_W": 3, "COMPLEX": 0}
    within = ["rfssm_synapse_accumulate", "rfssm_synapse_read"]
    return _proof("rfssm_synapse", k, small | parameters, "rom", within=within, bound=16)


PROOFS: Mapping[str, Proof] = {
    "sweep": _proof("rfssm_sweep", 2, {"CHUNKS": 3, "LOOP": 4}),
    "sweep, long": _proof("rfssm_sweep", 2, {"CHUNKS": 5, "LOOP": 3}),
    "sweep, one chunk": _proof("rfssm_sweep", 2, {"CHUNKS": 1, "LOOP": 2}),
    "synapse": _synapse(2, N_OUT=3, LANES=2, READ_LANES=1, VALUE_W=1),
    "synapse, whole row": _synapse(
        5, N_OUT=2, LANES=2, READ_LANES=1, VALUE_W=2, VALUE_SIGNED=1
    ),
    "select": _proof("rfssm_select", 5, {"W": 1, "WORDS": 17}, bound=10),
    "cells": _proof(
        "rfssm_cells", 2, _CELLS | {"RESET": 1}, "rom", "mul", within=["rfssm_sweep"], bound=26
    ),
    "skip": _proof(
        "rfssm_skip", 2,
        {"N": 3, "LANES": 2, "IN_W": 2, "IN_SIGNED": 1, "OUT_W": 3, "DELAY": 2}, bound=14,
    ),
    "layer": _proof(
        "rfssm_layer", 2, _LAYER, "rom", "mul", "synapse", "encoder",
        within=["rfssm_cells", "rfssm_sweep"], bound=25,
    ),
    "readout": _proof(
        "rfssm_readout", 2, _READOUT | {"SCORE": 0, "SCORE_W": 3}, "rom", "mul", "synapse", "sweep",
        within=["rfssm_packets"],
    ),
    "dense": _proof("rfssm_dense", 2, {"N_IN": 5, "VALUE_W": 2, "LANES": 2}, "encoder", bound=12),
}  # fmt: skip
TWINS = [
    ("sweep", "flags_are_the_steps", "rfssm_sweep",
     "if (step_start ? wait_q[1] : wait_q[0]) begin", "if (wait_q[0]) begin"),
    ("sweep", "flags_are_the_steps", "rfssm_sweep",
     "fresh_q  <= wait_last_q[0];", "fresh_q  <= wait_last_q[1];"),
    ("sweep", "written_before_read", "rfssm_sweep", "(CHUNKS > LOOP) ? CHUNKS : LOOP;", "CHUNKS;"),
    ("sweep", "chunks_in_order", "rfssm_sweep", "run_q && (room || !chunk_q)", "run_q"),
    ("sweep", "starts_at_once", "rfssm_sweep", "(!run_q || final_go)", "!run_q"),
    ("sweep", "frees_in_time", "rfssm_sweep",
     "run_q && (room || !chunk_q)", "run_q && room && !wait_q[1]"),
    ("synapse", "two_buffers", "rfssm_synapse_issue", "ev_q && !closed_q[1]", "ev_q"),
    ("synapse", "current_is_the_sum", "rfssm_synapse_accumulate",
     "filled = tag_q[STAGES][TAG_W-1]", "filled = tag_q[STAGES-1][TAG_W-1]"),
    ("synapse", "current_is_the_sum", "rfssm_synapse_issue",
     "first_q <= end_q || (first_q && zero_q)", "first_q <= first_q && zero_q"),
    ("synapse", "current_is_the_sum", "rfssm_synapse_read",
     "addr0_q <= (reading_q2 && !read_q2)", "addr0_q <= (reading_q && !read_q)"),
    ("synapse", "current_is_the_sum", "rfssm_synapse_issue",
     "s_ready = !ev_q || done", "s_ready = !ev_q || issue"),
    ("synapse", "events_once", "rfssm_synapse_issue",
     "event_valid = add && word_q == '0;", "event_valid = add;"),
    ("synapse", "accepts_in_time", "rfssm_synapse_issue",
     "2'(close) - 2'(step_free)", "2'(close) - 2'(step_free && !close)"),
    ("synapse", "two_buffers", "rfssm_synapse_issue",
     "2'(close) - 2'(step_free)", "2'(close && !step_free) - 2'(step_free)"),
    ("synapse", "flags_are_the_steps", "rfssm_synapse_issue",
     "silent      = first_q && zero_q", "silent      = zero_q"),
    ("synapse", "flags_are_the_steps", "rfssm_synapse_issue",
     "<= s_last;", "<= s_last && s_step_end;"),
    ("synapse, whole row", "current_is_the_sum", "rfssm_synapse_accumulate",
     "{(VALUE_SIGNED != 0) && factor[VALUE_W-1], factor}", "{1'b0, factor}"),
    ("synapse, whole row", "current_is_the_sum", "rfssm_synapse_read",
     "if (start_q) hold_q", "if (step_start) hold_q"),
    ("select", "chosen", "rfssm_select", "2'(32'(index_q2) >> 2)", "2'(32'(index_q) >> 2)"),
    ("select", "chosen", "rfssm_select", "index_q3 >> 4", "index_q2 >> 4"),
    ("select", "chosen", "rfssm_select",
     "? 4*g+3 : 4*g)*W +: W];\n    always_ff @(posedge clk) four_q",
     "? 4*g+2 : 4*g)*W +: W];\n    always_ff @(posedge clk) four_q"),
    ("cells", "state_is_the_last", "rfssm_cells",
     "localparam int LOOP = 8;", "localparam int LOOP = 6;"),
    ("cells", "state_is_the_last", "rfssm_cells",
     "state_q <= first_q[1] ? '0 : states[chunk_q[1]];", "state_q <= states[chunk_q[1]];"),
    ("cells", "last_is_the_steps", "rfssm_cells", "last && end_chunk", "last"),
    ("cells", "spike_is_the_last", "rfssm_cells", "first_q3  <= first_q[2];", "first_q3  <= 1'b0;"),
    ("cells", "padding_is_silent", "rfssm_cells",
     " && !(end_q[8] && i >= LANES - PADDING)", ""),
    ("cells", "chunks_in_order", "rfssm_cells", "if (rst) valid_q <= '0;", ""),
    ("skip", "value_is_added", "rfssm_skip", "if (step_free && !read_q) there0_q <= '0;", ""),
    ("skip", "value_is_added", "rfssm_skip",
     "values[{fill_q, event_chunk}]", "values[{1'b0, event_chunk}]"),
    ("skip", "chunks_pass", "rfssm_skip",
     "valid_q <= s_valid;", "valid_q <= s_valid && s_spike != '0;"),
    ("layer", "only_with_room", "rfssm_sweep", "run_q && (room || !chunk_q)", "run_q"),
    ("layer", "starts_at_once", "rfssm_sweep", "(!run_q || final_go)", "!run_q"),
    ("layer", "last_ends_the_step", "rfssm_cells", "last && end_chunk", "last"),
    ("readout", "score_in_its_place", "rfssm_readout",
     ".s_class(class_q[9])", ".s_class(class_q[8])"),
    ("readout", "two_places", "rfssm_readout",
     ".take(issue && emits && end_class)", ".take(issue && emits)"),
    ("readout", "lowest_wins", "rfssm_packets", "s_score > best_q", "s_score >= best_q"),
    ("readout", "score_is_of_the_sample", "rfssm_readout",
     "(first_q[8] ? '0 : old_q8) +", "old_q8 +"),
    ("readout", "state_is_the_last", "rfssm_readout", "first_q[1] ? '0 : states", "states"),
    ("readout", "last_is_the_packets", "rfssm_packets", "m_last  = get_label_q &&", "m_last  ="),
    ("readout", "packets_in_time", "rfssm_packets",
     "done_q <= s_valid && s_end;", "done_q <= s_valid && s_end && !s_score[0];"),
    ("dense", "chunks_in_order", "rfssm_dense",
     "data_q  <= (CHUNKS*PART_W)'({PART_W'(0), data_q} >> PART_W);", ""),
    ("dense", "last_is_the_beats", "rfssm_dense", "last_q && end_chunk", "last_q"),
    ("dense", "only_with_room", "rfssm_dense", "held_q && room", "held_q"),
]  # fmt: skip


@pytest.mark.parametrize("name", PROOFS)
def test_a_module_keeps_its_promises(name: str, tmp_path: Path) -> None:
    PROOFS[name].holds(tmp_path)


@pytest.mark.parametrize("name", [name for name in PROOFS if "," not in name])
def test_every_cover_is_reached(name: str, tmp_path: Path) -> None:
    PROOFS[name].is_not_vacuous(tmp_path)


@pytest.mark.parametrize(("name", "promise", "module", "text", "instead"), TWINS)
def test_a_broken_twin_fails(
    name: str, promise: str, module: str, text: str, instead: str, tmp_path: Path
) -> None:
    PROOFS[name].fails(tmp_path, promise, Change(module, text, instead))
