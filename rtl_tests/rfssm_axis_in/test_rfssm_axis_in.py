from pathlib import Path

import pytest
from simulation import check

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize(("inputs", "bits"), [(1, 1), (140, 1), (9, 5), (4096, 16)])
def test_axi_beats_become_events(inputs: int, bits: int, tmp_path: Path) -> None:
    parameters = {"N_IN": inputs, "VALUE_W": bits}
    check("rfssm_axis_in", "rfssm_axis_in.rfssm_axis_in_tb", tmp_path, parameters=parameters)
