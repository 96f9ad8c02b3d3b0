"""rfssm_crc16: a byte at a time is the polynomial, bit by bit."""

import random
from typing import Any

import cocotb
from cocotb.triggers import Timer
from harness import test


async def after(dut: Any, crc: int, data: bytes) -> int:
    for byte in data:
        dut.crc.value, dut.data.value = crc, byte
        await Timer(1, "ns")
        crc = int(dut.next.value)
    return crc


def bitwise(crc: int, byte: int) -> int:
    """x^16 + x^12 + x^5 + 1, lowest bit first."""
    for i in range(8):
        feedback = (crc ^ byte >> i) & 1
        crc = crc >> 1 ^ feedback * (1 << 15 | 1 << 10 | 1 << 3)
    return crc


@test
async def the_catalogue_s_check_value(dut: Any) -> None:
    crc = await after(dut, 0xFFFF, b"123456789")
    assert crc ^ 0xFFFF == 0x906E
    assert await after(dut, crc, (crc ^ 0xFFFF).to_bytes(2, "little")) == 0xF0B8


@test
async def a_byte_is_eight_bits_of_the_polynomial(dut: Any) -> None:
    rng = random.Random(cocotb.RANDOM_SEED)
    for i in range(2000):
        crc = rng.getrandbits(16) if i >= 16 else 1 << i
        byte = rng.getrandbits(8) if i >= 24 else i % 8
        assert await after(dut, crc, bytes([byte])) == bitwise(crc, byte), (crc, byte)
