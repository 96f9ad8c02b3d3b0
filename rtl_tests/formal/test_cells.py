"""The cells compute the integer contract, in every mode."""

from pathlib import Path
from typing import NamedTuple

import pytest
from formal.proof import HERE, Change, Proof

pytestmark = pytest.mark.rtl
TRN, TRN_ZERO, RND, RND_CONV = range(4)
WIDTHS = {"STATE_W": 4, "TRANS_W": 3, "TRANS_FRAC": 2, "CURRENT_W": 2, "GUARD": 1}
K = 12  # of the induction: the pipeline, the memories behind it and the check


def cells(
    rounding: int, *, saturate: int = 1, rotation: int = 1, complex_input: int = 1, reset: int = 0,
    bias: int = 0, state_ram: int = 0, n: int = 2, lanes: int = 1, bound: int = 20, **widths: int,
) -> Proof:  # fmt: skip
    parameters = {
        "N": n, "LANES": lanes, "ROUND": rounding, "SATURATE": saturate, "ROTATION": rotation,
        "COMPLEX": complex_input, "RESET": reset, "BIAS_W": bias, "STATE_RAM": state_ram,
    }  # fmt: skip
    return Proof(
        "rfssm_cells",
        K,
        {**WIDTHS, **parameters, **widths},
        extra=(HERE / "any_rom" / "rfssm_rom.sv",),
        files={"contract.svh": (HERE / "contract.svh").read_text()},
        bound=bound,
    )


PROOFS = {
    "trn": cells(TRN, reset=1, bias=3),
}
