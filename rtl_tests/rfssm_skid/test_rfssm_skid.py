from pathlib import Path

import pytest
from simulation import check

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize("width", [1, 33])
def test_skid_buffer(width: int, tmp_path: Path) -> None:
    check("rfssm_skid", "rfssm_skid.rfssm_skid_tb", tmp_path, parameters={"W": width})
