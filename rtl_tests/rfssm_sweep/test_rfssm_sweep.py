from pathlib import Path

import pytest
from simulation import check

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize(("chunks", "loop"), [(1, 8), (3, 8), (8, 8), (20, 8), (2, 2)])
def test_sweeps(chunks: int, loop: int, tmp_path: Path) -> None:
    parameters = {"CHUNKS": chunks, "LOOP": loop}
    check("rfssm_sweep", "rfssm_sweep.rfssm_sweep_tb", tmp_path, parameters=parameters)
