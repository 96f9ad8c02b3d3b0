from pathlib import Path

import pytest
from simulation import RTL, check

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize(("in_w", "out_w"), [(2, 2), (33, 65)])
def test_beats(in_w: int, out_w: int, tmp_path: Path) -> None:
    parameters = {"IN_W": in_w, "OUT_W": out_w}
    bench = "rfssm_pins.rfssm_pins_tb"
    check("rfssm_pins", bench, tmp_path, parameters=parameters, rtl=RTL / "pins")
