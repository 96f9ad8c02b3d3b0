from pathlib import Path

import pytest
from simulation import check

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize(
    ("values", "lanes", "bits", "in_flight", "depth"),
    [(1, 1, 1, 8, 16), (13, 4, 1, 9, 32), (13, 4, 3, 9, 32), (16, 16, 1, 1, 16), (6, 1, 2, 8, 16)],
)
def test_chunks_become_events(
    values: int, lanes: int, bits: int, in_flight: int, depth: int, tmp_path: Path
) -> None:
    parameters = {
        "N": values, "LANES": lanes, "VALUE_W": bits, "IN_FLIGHT": in_flight, "DEPTH": depth
    }  # fmt: skip
    check("rfssm_encoder", "rfssm_encoder.rfssm_encoder_tb", tmp_path, parameters=parameters)
