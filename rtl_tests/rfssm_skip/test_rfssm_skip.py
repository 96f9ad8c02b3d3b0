from pathlib import Path

import pytest
from simulation import check

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize(
    ("values", "lanes", "bits", "signed", "out"),
    [(1, 1, 1, 0, 2), (13, 4, 1, 0, 2), (13, 2, 4, 1, 4), (16, 16, 3, 0, 4), (9, 1, 8, 1, 9)],
)
def test_values_are_added_to_spikes(
    values: int, lanes: int, bits: int, signed: int, out: int, tmp_path: Path
) -> None:
    parameters = {"N": values, "LANES": lanes, "IN_W": bits, "IN_SIGNED": signed, "OUT_W": out}
    check("rfssm_skip", "rfssm_skip.rfssm_skip_tb", tmp_path, parameters={**parameters, "DELAY": 8})
