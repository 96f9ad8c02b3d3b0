from pathlib import Path

import pytest
from simulation import check

pytestmark = pytest.mark.rtl


def test_every_input_of_every_small_width_clipped_and_wrapped(tmp_path: Path) -> None:
    check(
        "fitters",
        "rfssm_saturate.rfssm_saturate_tb",
        tmp_path,
        parameters={"WIDTH": 8},
        sources=[Path(__file__).parent / "fitters.sv"],
    )
