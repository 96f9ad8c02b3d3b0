from pathlib import Path

import pytest
from simulation import check_cases

pytestmark = pytest.mark.rtl
PARAMETERS = ("N", "LANES", "VALUE_W", "IN_FLIGHT", "DEPTH")
CASES = {
    "one_value": (1, 1, 1, 8, 16),
    "spikes": (13, 4, 1, 9, 32),
    "values": (13, 4, 3, 9, 32),
    "one_chunk": (16, 16, 1, 1, 16),
    "one_lane": (6, 1, 2, 8, 16),
}


def test_chunks_become_events(tmp_path: Path) -> None:
    cases = {name: dict(zip(PARAMETERS, values, strict=True)) for name, values in CASES.items()}
    check_cases("rfssm_encoder", "rfssm_encoder.rfssm_encoder_tb", tmp_path, cases)
