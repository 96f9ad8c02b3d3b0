from pathlib import Path

import pytest
from simulation import check, check_cases

pytestmark = pytest.mark.rtl
HERE = Path(__file__).parent


def test_every_input_of_every_small_width_shift_and_mode(tmp_path: Path) -> None:
    check(
        "rounders",
        "rfssm_round.rfssm_round_tb",
        tmp_path,
        parameters={"WIDTHS": 7, "SHIFTS": 9},
        sources=[HERE / "rounders.sv"],
        only="every_small",
    )


def test_ends_ties_and_random_words_of_real_widths(tmp_path: Path) -> None:
    sizes = [(35, 14), (65, 32), (20, 32), (65, 0)]
    check_cases(
        "four_modes",
        "rfssm_round.rfssm_round_tb",
        tmp_path,
        {f"width{a}_shift{shift}": {"A_W": a, "SHIFT": shift} for a, shift in sizes},
        sources=[HERE / "four_modes.sv"],
        only="real",
    )
