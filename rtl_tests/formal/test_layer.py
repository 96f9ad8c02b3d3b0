"""The parts of a layer: steps in order, currents exact, buffers never read and written at once."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from formal.proof import HERE, Change, Proof

pytestmark = pytest.mark.rtl

FREE_ROM = HERE / "free" / "rfssm_rom.sv"
_SWEEPS = {"short": (2, 8), "long": (5, 3), "one chunk": (1, 2), "equal": (3, 4)}
# two inputs, weights and currents of a few bits; words per row, lanes per read, value
_SYNAPSES: Mapping[str, tuple[int, dict[str, int]]] = {
    "two words": (3, {"N_OUT": 4, "LANES": 2, "READ_LANES": 1}),
    "padding, signed values": (3, {"N_OUT": 3, "LANES": 2, "READ_LANES": 2, "VALUE_W": 2,
                                   "VALUE_SIGNED": 1}),
    "whole row": (5, {"N_OUT": 4, "LANES": 4, "READ_LANES": 2}),
    "whole row, values": (5, {"N_OUT": 2, "LANES": 2, "READ_LANES": 1, "VALUE_W": 2}),
}  # fmt: skip
PROOFS: Mapping[str, Proof] = {
    **{
        f"rfssm_sweep, {name}": Proof("rfssm_sweep", 2, {"CHUNKS": chunks, "LOOP": loop})
        for name, (chunks, loop) in _SWEEPS.items()
    },
    **{
        f"rfssm_synapse, {name}": Proof(
            "rfssm_synapse",
            k,
            {"N_IN": 2, "VALUE_W": 1, "WEIGHT_W": 2, "CURRENT_W": 3, "COMPLEX": 0, **parameters},
            extra=(FREE_ROM,),
            bound=16,
        )
        for name, (k, parameters) in _SYNAPSES.items()
    },
}
TWINS = [
    ("rfssm_sweep, equal", "flags_are_the_steps", "if (step_start ? wait_q[1] : wait_q[0]) begin",
     "if (wait_q[0]) begin"),
    ("rfssm_sweep, equal", "flags_are_the_steps", "fresh_q  <= wait_last_q[0];",
     "fresh_q  <= wait_last_q[1];"),
    ("rfssm_sweep, equal", "flags_are_the_steps", "wait_last_q[0]   <= wait_last_q[1];", ""),
    ("rfssm_sweep, equal", "written_before_read", "(CHUNKS > LOOP) ? CHUNKS : LOOP;", "CHUNKS;"),
    ("rfssm_sweep, equal", "chunks_in_order", "run_q && (room || !chunk_q)", "run_q"),
    ("rfssm_sweep, equal", "end_is_marked", "int'(slot_q) == CHUNKS - 2", "int'(slot_q) == CHUNKS - 1"),
    ("rfssm_sweep, equal", "every_chunk_once", "int'(slot_q) == SWEEP - 2;", "int'(slot_q) == CHUNKS - 3;"),
    ("rfssm_sweep, equal", "starts_at_once", "(!run_q || final_go)", "!run_q"),
    ("rfssm_sweep, equal", "frees_in_time", "run_q && (room || !chunk_q)", "run_q && room && !wait_q[1]"),
    ("rfssm_synapse, two words", "two_buffers", "ev_q && !closed_q[1]", "ev_q"),
    ("rfssm_synapse, two words", "current_is_the_sum", "if (tag_q[STAGES][TAG_W-1]) fill_q", "if (tag_q[STAGES-1][TAG_W-1]) fill_q"),
    ("rfssm_synapse, two words", "current_is_the_sum", "first_q <= end_q || (first_q && zero_q)", "first_q <= first_q && zero_q"),
    ("rfssm_synapse, two words", "current_is_the_sum", "addr0_q <= (reading_q2 && !read_q2)", "addr0_q <= (reading_q && !read_q)"),
    ("rfssm_synapse, two words", "current_is_the_sum", "s_ready = !ev_q || done", "s_ready = !ev_q || issue"),
    ("rfssm_synapse, two words", "accepts_in_time", "2'(close) - 2'(step_free)", "2'(close) - 2'(step_free && !close)"),
    ("rfssm_synapse, two words", "two_buffers", "2'(close) - 2'(step_free)", "2'(close && !step_free) - 2'(step_free)"),
    ("rfssm_synapse, two words", "announces_in_time", "close, first_q && zero_q, last_q, issue", "close && !(zero_q && last_q), first_q && zero_q, last_q, issue"),
    ("rfssm_synapse, two words", "flags_are_the_steps", "first_q && zero_q, last_q, issue", "zero_q, last_q, issue"),
    ("rfssm_synapse, two words", "flags_are_the_steps", "last_q     <= s_last;", "last_q     <= s_last && s_step_end;"),
    ("rfssm_synapse, two words", "announced_was_taken_in", "wire logic close = done && end_q;", "wire logic close = issue && end_q;"),
    ("rfssm_synapse, padding, signed values", "current_is_the_sum", "{(VALUE_SIGNED != 0) && value[VALUE_W-1], value}", "{1'b0, value}"),
    ("rfssm_synapse, whole row", "current_is_the_sum", "if (start_q) hold_q", "if (step_start) hold_q"),
]  # fmt: skip


@pytest.mark.parametrize("name", PROOFS)
def test_a_module_keeps_its_promises(name: str, tmp_path: Path) -> None:
    PROOFS[name].holds(tmp_path)


@pytest.mark.parametrize("name", PROOFS)
def test_every_cover_is_reached(name: str, tmp_path: Path) -> None:
    PROOFS[name].is_not_vacuous(tmp_path)


@pytest.mark.parametrize(("name", "promise", "text", "instead"), TWINS)
def test_a_broken_twin_fails(
    name: str, promise: str, text: str, instead: str, tmp_path: Path
) -> None:
    proof = PROOFS[name]
    proof.fails(tmp_path, promise, Change(proof.top, text, instead))
