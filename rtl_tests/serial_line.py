"""A serial line inside the simulator: bytes bit by bit, with what can go wrong; frames on top."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, Timer
from harness import PERIOD, Bench

from rfssm.hls.boards.protocol import Deframer


class Line:
    """The far end of a line: sends on ``rx``, listens on ``tx``; either may be absent.

    clks    cycles of a bit
    off     how much longer than that our own bits are
    """

    def __init__(
        self, bench: Bench, clks: int, *, rx: Any = None, tx: Any = None, off: float = 0
    ) -> None:
        self._bench, self._rx, self._tx = bench, rx, tx
        self._bit = round(clks * PERIOD * 1000 * (1 + off))  # ps
        self.heard: list[int] = []
        """Bytes with a good stop bit."""
        self.frames: list[bytes | None] = []
        """Contents of whole frames; None for a damaged one."""
        self._deframer = Deframer()
        if rx is not None:
            rx.value = 1
        if tx is not None:
            cocotb.start_soon(self._listen())

    async def bits(self, bits: Iterable[int]) -> None:
        """Levels, each for one bit."""
        for bit in bits:
            self._rx.value = bit
            await Timer(self._bit, "ps")
        self._rx.value = 1

    async def send(self, data: Iterable[int], stop: int = 1) -> None:
        """Bytes without a gap; ``stop`` is their stop bit."""
        for byte in data:
            await self.bits([0, *(byte >> i & 1 for i in range(8)), stop])

    async def gap(self, bits: float) -> None:
        """Let the line be idle."""
        await Timer(round(bits * self._bit), "ps")

    async def reply(self, count: int = 1, patience: int = 600) -> list[bytes | None]:
        """Until so many frames have come in all; their contents, and forget them."""
        for _ in range(patience):
            if len(self.frames) >= count:
                break
            await self.gap(1)
        assert len(self.frames) >= count, f"{len(self.frames)} of {count} frames came"
        await self.gap(12)  # anything more?
        found, self.frames = self.frames, []
        return found

    async def _listen(self) -> None:
        while not self._tx.value.is_resolvable:  # before the first reset
            await self.gap(1)
        while True:
            if not int(self._tx.value):
                await Timer(self._bit // 2, "ps")
                assert not int(self._tx.value), "the start bit is too short"
                byte = 0
                for i in range(8):
                    await Timer(self._bit, "ps")
                    byte |= int(self._tx.value) << i
                await Timer(self._bit, "ps")
                assert int(self._tx.value), "the stop bit is missing"
                self.heard.append(byte)
                self.frames += self._deframer.feed(bytes([byte]))
            else:
                await FallingEdge(self._tx)
