from pathlib import Path

import pytest
from simulation import check

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize(
    ("inputs", "bits", "lanes"), [(1, 1, 8), (20, 1, 8), (16, 3, 4), (5, 8, 1), (7, 2, 8)]
)
def test_dense_beats_become_events(inputs: int, bits: int, lanes: int, tmp_path: Path) -> None:
    parameters = {"N_IN": inputs, "VALUE_W": bits, "LANES": lanes}
    check("rfssm_dense", "rfssm_dense.rfssm_dense_tb", tmp_path, parameters=parameters)
