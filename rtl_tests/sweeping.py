"""A Python twin of rfssm_sweep, for modules that are read by one."""

from __future__ import annotations

from collections.abc import Iterator

import cocotb
from harness import Bench

LOOP = 8


class Sweeper:
    """Turns to complete steps in order: start, one index per cycle unless paused, free."""

    def __init__(self, bench: Bench, count: int, paused: Iterator[bool]) -> None:
        self._bench, self._count, self._paused = bench, count, paused
        self.waiting = 0
        """Complete steps that have not been started."""
        self.freed = 0
        self.log: list[tuple[int, int, int]] = []
        """Of each index: the cycle it was shown in, the step, the index."""
        self.clear()
        cocotb.start_soon(self._run())

    def clear(self) -> None:
        """Forget all steps."""
        self.waiting = self.freed = 0
        self.log.clear()
        self._step, self._slot, self._running = -1, 0, False

    async def _run(self) -> None:
        bench, dut = self._bench, self._bench.dut
        while True:
            start, free, index = 0, 0, None
            if self._running and (self._slot >= self._count or not next(self._paused)):
                index = self._slot if self._slot < self._count else None
                self._slot += 1
                if self._slot == max(self._count, LOOP):
                    free, self._running = 1, False
            shown = self._step
            if self.waiting and not self._running:
                start, self._running, self._slot = 1, True, 0
                self.waiting -= 1
                self._step += 1
            dut.step_start.value, dut.step_free.value = start, free
            if index is not None:
                dut.read_index.value = index
            await bench.edge()
            if bench.ignored:
                self.clear()
                continue
            self.freed += free
            if index is not None:
                self.log.append((bench.cycle, shown, index))
            if hasattr(dut, "step_valid"):
                self.waiting += int(dut.step_valid.value)
