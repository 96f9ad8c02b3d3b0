from pathlib import Path

import pytest
from simulation import check_cases

pytestmark = pytest.mark.rtl
CASES = [(1, 8), (3, 8), (8, 8), (20, 8), (2, 2)]


def test_sweeps(tmp_path: Path) -> None:
    cases = {
        f"chunks{chunks}_loop{loop}": {"CHUNKS": chunks, "LOOP": loop} for chunks, loop in CASES
    }
    check_cases("rfssm_sweep", "rfssm_sweep.rfssm_sweep_tb", tmp_path, cases)
