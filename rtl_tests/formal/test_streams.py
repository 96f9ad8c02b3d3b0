"""Modules of one stream: nothing lost, repeated or out of order, and how long anything waits."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from formal.proof import Change, Proof

pytestmark = pytest.mark.rtl

PROOFS: Mapping[str, Proof] = {
    "rfssm_skid": Proof("rfssm_skid", 2, {"W": 3}),
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
