"""Modules of one stream: nothing lost, repeated or out of order, and how long anything waits."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from formal.proof import Change, Proof

pytestmark = pytest.mark.rtl

PROOFS: Mapping[str, Proof] = {
    "rfssm_skid": Proof("rfssm_skid", 2, {"W": 3}),
    "rfssm_axis_in": Proof("rfssm_axis_in", 2, {"N_IN": 5, "VALUE_W": 2}),
    "rfssm_axis_out": Proof("rfssm_axis_out", 2, {"DATA_W": 3, "TDATA_W": 8}),
}
TWINS = [
    ("rfssm_skid", "marked_unchanged", "data_q        <= spare_valid_q ? spare_q : s_data;",
     "data_q <= s_data;"),
    ("rfssm_skid", "nothing_waits", "valid_q       <= spare_valid_q || take;",
     "valid_q <= spare_valid_q;"),
    ("rfssm_skid", "holds", "wire logic move = m_ready || !valid_q;",
     "wire logic move = m_ready || !valid_q || (take && s_data == '0);"),
    ("rfssm_skid", "nothing_waits", "ready_q <= move || !(spare_valid_q || take);",
     "ready_q <= move || !spare_valid_q;"),
    ("rfssm_skid", "takes_again", "ready_q <= move || !(spare_valid_q || take);",
     "ready_q <= m_ready && !(spare_valid_q || take);"),
    ("rfssm_skid", "nothing_made_up", "spare_valid_q <= 1'b0;\n    end else", "end else"),
    ("rfssm_skid", "reset_empties", "      valid_q       <= 1'b0;\n", ""),
    ("rfssm_axis_in", "value_unchanged", "(int'(addr) < N_IN)", "(int'(addr) <= N_IN)"),
    ("rfssm_axis_in", "value_unchanged", "(int'(addr) < N_IN)", "(int'(low) < N_IN)"),
    ("rfssm_axis_in", "end_travels", "s_axis_tdata[31] || s_axis_tlast", "s_axis_tdata[31]"),
    ("rfssm_axis_in", "addr_unchanged", "addr  = s_axis_tdata[27:16]",
     "addr  = s_axis_tdata[28:17]"),
    ("rfssm_axis_in", "last_ends_the_step", "s_axis_tdata[31] || s_axis_tlast", "s_axis_tdata[31]"),
    ("rfssm_axis_out", "marked_unchanged", "TDATA_W'(s_data)", "TDATA_W'($unsigned(s_data))"),
    ("rfssm_axis_out", "last_travels", "{s_last, TDATA_W'(s_data)}",
     "{s_last && !m_axis_tvalid, TDATA_W'(s_data)}"),
    ("rfssm_axis_out", "nothing_waits", ".m_ready(m_axis_tready)", ".m_ready(1'b1)"),
    ("rfssm_axis_out", "holds", ".m_ready(m_axis_tready)", ".m_ready(1'b1)"),
]  # fmt: skip


@pytest.mark.parametrize("name", PROOFS)
def test_a_module_keeps_its_promises(name: str, tmp_path: Path) -> None:
    PROOFS[name].holds(tmp_path)


@pytest.mark.parametrize("name", PROOFS)
def test_every_cover_is_reached(name: str, tmp_path: Path) -> None:
    PROOFS[name].is_not_vacuous(tmp_path)


@pytest.mark.parametrize(("module", "promise", "text", "instead"), TWINS)
def test_a_broken_twin_fails(
    module: str, promise: str, text: str, instead: str, tmp_path: Path
) -> None:
    PROOFS[module].fails(tmp_path, promise, Change(module, text, instead))
