"""The cells compute the integer contract, in every mode."""

from pathlib import Path
from typing import NamedTuple

import pytest
from formal.proof import HERE, Change, Proof

pytestmark = pytest.mark.rtl
TRN, TRN_ZERO, RND, RND_CONV = range(4)
K = 11  # of the induction: the pipeline, and the step in which it is checked


def cells(
    rounding: int, *, saturate: int = 1, rotation: int = 1, complex_input: int = 1, reset: int = 0,
    bias: int = 0, state_ram: int = 0,
) -> Proof:  # fmt: skip
    parameters = {
        "N": 1, "LANES": 1, "STATE_W": 3, "TRANS_W": 3, "TRANS_FRAC": 2, "CURRENT_W": 2, "GUARD": 1,
        "ROUND": rounding, "SATURATE": saturate, "ROTATION": rotation, "COMPLEX": complex_input,
        "RESET": reset, "BIAS_W": bias, "STATE_RAM": state_ram,
    }  # fmt: skip
    return Proof(
        "rfssm_cells",
        K,
        parameters,
        properties=("rfssm_cells:contract",),
        extra=(HERE / "any_rom" / "rfssm_rom.sv",),
        bound=24,
    )


PROOFS = {
    "trn": cells(TRN, reset=1, bias=2),
    "trn_zero": cells(TRN_ZERO, rotation=0, complex_input=0, bias=2),
    "rnd": cells(RND, complex_input=0, reset=1),
    "rnd_conv": cells(RND_CONV, rotation=0),
    "wrap": cells(RND, saturate=0, rotation=0, reset=1, bias=2, state_ram=1),
}


class Twin(NamedTuple):
    proof: str
    promise: str
    text: str
    instead: str
    after: int = 0


SECOND = 20  # the first cycle in which a sample's second step leaves: before it states are 0
TWINS = {
    "floor_for_round": Twin(
        "rnd", "u_is_the_contract_s", ".ROUND(ROUND)", ".ROUND(0)", SECOND
    ),
    "half_up_for_half_even": Twin(
        "rnd_conv", "v_is_the_contract_s", ".ROUND(ROUND)", ".ROUND(2)", SECOND
    ),
    "a_lost_sign_of_the_rotation": Twin(
        "trn", "u_is_the_contract_s", "wide_u - wide_v", "wide_u + wide_v", SECOND
    ),
    "shifted_too_far": Twin(
        "trn", "u_is_the_contract_s", "X_W'(in_q5) <<< GUARD", "X_W'(in_q5) <<< (GUARD + 1)"
    ),
    "a_sum_without_head_room": Twin(
        "trn", "v_is_the_contract_s", "R_W    = ((Q_W > X_W) ? Q_W : X_W) + 1",
        "R_W    = STATE_W + 1", SECOND,
    ),
    "wrapped_for_clipped": Twin(
        "rnd", "u_is_the_contract_s", ".SATURATE(SATURATE)", ".SATURATE(0)", SECOND
    ),
    "at_the_threshold": Twin(
        "trn", "spike_is_the_contract_s", "assign spike = (u_next > limit);",
        "assign spike = (u_next >= limit);",
    ),
    "currents_of_a_silent_step": Twin(
        "trn", "u_is_the_contract_s", "silent ? '0 : current", "current"
    ),
    "a_reset_without_a_spike": Twin(
        "trn", "v_is_the_contract_s", "spiked ? ADD_W'", "1'b1 ? ADD_W'"
    ),
    "the_bias_of_the_other_part": Twin(
        "trn", "v_is_the_contract_s", "offset[j*BIAS_W +:", "offset[0 +:"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROOFS)
def test_the_cells_compute_the_contract(name: str, tmp_path: Path) -> None:
    PROOFS[name].holds(tmp_path)


@pytest.mark.parametrize("name", ["trn"])
def test_every_cover_is_reached(name: str, tmp_path: Path) -> None:
    PROOFS[name].is_not_vacuous(tmp_path)


@pytest.mark.parametrize("name", TWINS)
def test_a_broken_twin_fails(name: str, tmp_path: Path) -> None:
    twin = TWINS[name]
    change = Change("rfssm_cell", twin.text, twin.instead)
    PROOFS[twin.proof].fails(tmp_path, twin.promise, change, after=twin.after)
