from pathlib import Path

import pytest
from simulation import check

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize(("chunks", "pipe"), [(1, 8), (3, 8), (8, 8), (20, 8), (2, 2)])
def test_sweeps(chunks: int, pipe: int, tmp_path: Path) -> None:
    parameters = {"CHUNKS": chunks, "PIPE": pipe}
    check("rfssm_sweep", "rfssm_sweep.rfssm_sweep_tb", tmp_path, parameters=parameters)
