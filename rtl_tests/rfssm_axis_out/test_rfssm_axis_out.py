from pathlib import Path

import pytest
from simulation import check

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize(("data", "tdata"), [(4, 32), (32, 32), (33, 64), (64, 64)])
def test_score_beats_become_axi_words(data: int, tdata: int, tmp_path: Path) -> None:
    parameters = {"DATA_W": data, "TDATA_W": tdata}
    check("rfssm_axis_out", "rfssm_axis_out.rfssm_axis_out_tb", tmp_path, parameters=parameters)
