"""Rounding, saturation and products are the integer contract's; constants come as written."""

from pathlib import Path
from typing import NamedTuple

import pytest
from formal.proof import HERE, Change, Proof
from simulation import RTL, ice40_multiplier

pytestmark = pytest.mark.rtl
FOUR_MODES = HERE.parent / "rfssm_round" / "four_modes.sv"
BLOCK = (RTL / "ecp5" / "rfssm_mul.sv", *sorted((RTL / "sim" / "ecp5").glob("MULT18X18D*.sv")))


def rounding(width: int, shift: int) -> Proof:
    parameters = {"A_W": width, "SHIFT": shift}
    return Proof("four_modes", 1, parameters, extra=(FOUR_MODES,), bound=1)


def fitting(width: int, kept: int, saturate: int) -> Proof:
    parameters = {"A_W": width, "Y_W": kept, "SATURATE": saturate}
    return Proof("rfssm_saturate", 1, parameters, bound=1)


def product(a: int, b: int, *extra: Path) -> Proof:
    return Proof("rfssm_mul", 4, {"A_W": a, "B_W": b}, extra=extra, bound=6)


def product_in_ice40(folder: Path, a: int, b: int) -> Proof:
    return product(a, b, RTL / "ice40" / "rfssm_mul.sv", ice40_multiplier(folder))


def constants(width: int, depth: int) -> Proof:
    words = "\n".join(f"{(7 * i + 3) % 2**width:x}" for i in range(depth))
    parameters = {"W": width, "DEPTH": depth, "FILE": "rom.mem"}
    return Proof("rfssm_rom", 4, parameters, files={"rom.mem": words}, bound=6)


PROOFS = {
    "round": rounding(35, 14),
    "round_of_the_widest": rounding(65, 32),
    "round_of_a_fraction": rounding(9, 12),
    "round_to_a_sign": rounding(9, 8),
    "saturate": fitting(24, 18, 1),
    "saturate_by_a_bit": fitting(4, 3, 1),
    "wrap": fitting(24, 18, 0),
    "mul": product(6, 5),
    "mul_of_many_bits": product(18, 16),
    "mul_in_a_block": product(6, 5, *BLOCK),
    "mul_fills_a_block": product(18, 18, *BLOCK),
    "mul_beside_a_block": product(19, 5, *BLOCK),
    "rom": constants(5, 3),
    "rom_in_blocks": constants(33, 32),
}


class Twin(NamedTuple):
    proof: str
    promise: str
    module: str
    text: str
    instead: str


TWINS = {
    "floor_for_toward_zero": Twin(
        "round", "trn_zero", "rfssm_round", "wide + (a[A_W-1] ? MASK : '0)", "wide"
    ),
    "away_from_zero": Twin("round", "trn_zero", "rfssm_round", "(a[A_W-1] ? MASK", "(1 ? MASK"),
    "floor_for_round": Twin("round", "rnd", "rfssm_round", "wide + HALF", "wide"),
    "half_down": Twin("round", "rnd", "rfssm_round", "wide + HALF", "wide + HALF - ONE"),
    "half_up_for_half_even": Twin(
        "round", "rnd_conv", "rfssm_round", "moved[SHIFT] && !tie", "moved[SHIFT]"
    ),
    "half_even_s_carry_lost": Twin(
        "round", "rnd_conv", "rfssm_round", "moved[WIDE_W-1:SHIFT+1], moved",
        "wide[WIDE_W-1:SHIFT+1], moved",
    ),
    "wrong_shift": Twin(
        "round", "trn", "rfssm_round", "q = moved[WIDE_W-1:SHIFT]", "q = moved[WIDE_W-2:SHIFT-1]"
    ),
    "a_sign_bit_short": Twin(
        "round_to_a_sign", "rnd", "rfssm_round", "(A_W > SHIFT + 1) ? A_W + 1 : SHIFT + 2",
        "(A_W > SHIFT + 1) ? A_W + 1 : SHIFT + 1",
    ),
    "no_saturation_below": Twin(
        "saturate", "fitted", "rfssm_saturate", "y = over ?", "y = over && !sign ?"
    ),
    "a_limit_off_by_one": Twin(
        "saturate", "fitted", "rfssm_saturate", "{(Y_W-1){!sign}}}", "{(Y_W-2){!sign}}, 1'b0}"
    ),
    "saturation_a_bit_late": Twin(
        "saturate_by_a_bit", "fitted", "rfssm_saturate",
        "(a[A_W-1:Y_W-1] != {(A_W-Y_W+1){sign}})", "(a[A_W-1:Y_W] != {(A_W-Y_W){sign}})",
    ),
    "clipped_for_wrapped": Twin(
        "wrap", "fitted", "rfssm_saturate", "if (SATURATE != 0)", "if (SATURATE == 0)"
    ),
    "an_unsigned_product": Twin(
        "mul", "product", "rfssm_mul", "a_q * b_q", "$unsigned(a_q) * $unsigned(b_q)"
    ),
    "an_operand_without_its_register": Twin("mul", "product", "rfssm_mul", "a_q * b_q", "a * b_q"),
    "a_block_without_its_output_register": Twin(
        "mul_in_a_block", "product", "rfssm_mul", '.REG_OUTPUT_CLK("CLK0")',
        '.REG_OUTPUT_CLK("NONE")',
    ),
    "a_block_with_an_unsigned_operand": Twin(
        "mul_fills_a_block", "product", "rfssm_mul", ".SIGNEDB(1'b1)", ".SIGNEDB(1'b0)"
    ),
    "constants_a_cycle_early": Twin("rom", "word", "rfssm_rom", "q = word_q2", "q = word_q"),
    "constants_held_back": Twin(
        "rom", "word", "rfssm_rom", "word_q2 <= word_q;", "if (addr != '0) word_q2 <= word_q;"
    ),
    "constants_turned_by_a_bit": Twin(
        "rom_in_blocks", "word", "rfssm_rom", "q = word_q2", "q = {word_q2[0], word_q2[W-1:1]}"
    ),
    "two_pins_exchanged": Twin(
        "mul_fills_a_block", "product", "rfssm_mul", ".A8(x[8]), .A9(x[9])", ".A8(x[9]), .A9(x[8])"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROOFS)
def test_a_module_computes_the_contract(name: str, tmp_path: Path) -> None:
    PROOFS[name].holds(tmp_path)


@pytest.mark.parametrize(("a", "b"), [(6, 5), (16, 18)])
def test_the_ice40_s_twin_computes_the_contract(a: int, b: int, tmp_path: Path) -> None:
    """One block, and two with an adder."""
    product_in_ice40(tmp_path, a, b).holds(tmp_path / "proof")


@pytest.mark.parametrize(
    ("a", "b", "text", "instead"),
    [
        (6, 5, ".A_REG(1'b1)", ".A_REG(1'b0)"),
        (6, 5, "BOTOUTPUT_SELECT(2'b11)", "BOTOUTPUT_SELECT(2'b01)"),
        (16, 16, "TOPOUTPUT_SELECT(2'b11)", "TOPOUTPUT_SELECT(2'b01)"),
        (5, 20, "(i == PIECES - 1) ? 1'b1", "(i <= PIECES - 1) ? 1'b1"),
        (16, 18, "$signed(z[31:0])", "z[31:0]"),
    ],
    ids=["a_register_lost", "another_low_half", "another_high_half", "a_low_sign", "a_lost_sign"],
)
def test_a_broken_twin_of_the_ice40_fails(
    a: int, b: int, text: str, instead: str, tmp_path: Path
) -> None:
    change = Change("rfssm_mul", text, instead)
    product_in_ice40(tmp_path, a, b).fails(tmp_path / "proof", "product", change)


@pytest.mark.parametrize("name", ["round", "saturate", "wrap", "mul", "mul_in_a_block", "rom"])
def test_every_cover_is_reached(name: str, tmp_path: Path) -> None:
    PROOFS[name].is_not_vacuous(tmp_path)


@pytest.mark.parametrize("name", TWINS)
def test_a_broken_twin_fails(name: str, tmp_path: Path) -> None:
    twin = TWINS[name]
    change = Change(twin.module, twin.text, twin.instead)
    PROOFS[twin.proof].fails(tmp_path, twin.promise, change)
