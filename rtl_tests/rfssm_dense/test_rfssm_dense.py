from pathlib import Path

import pytest
from simulation import check_cases

pytestmark = pytest.mark.rtl
CASES = [(1, 1, 8), (20, 1, 8), (16, 3, 4), (5, 8, 1), (7, 2, 8)]


def test_dense_beats_become_events(tmp_path: Path) -> None:
    cases = {
        f"inputs{inputs}_bits{bits}_lanes{lanes}": {"N_IN": inputs, "VALUE_W": bits, "LANES": lanes}
        for inputs, bits, lanes in CASES
    }
    check_cases("rfssm_dense", "rfssm_dense.rfssm_dense_tb", tmp_path, cases)
