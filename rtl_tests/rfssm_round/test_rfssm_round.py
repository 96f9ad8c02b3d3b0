from pathlib import Path

import pytest
from simulation import check

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


@pytest.mark.parametrize(("width", "shift"), [(35, 14), (65, 32), (20, 32), (65, 0)])
def test_ends_ties_and_random_words_of_real_widths(width: int, shift: int, tmp_path: Path) -> None:
    check(
        "four_modes",
        "rfssm_round.rfssm_round_tb",
        tmp_path,
        parameters={"A_W": width, "SHIFT": shift},
        sources=[HERE / "four_modes.sv"],
        only="real",
    )
