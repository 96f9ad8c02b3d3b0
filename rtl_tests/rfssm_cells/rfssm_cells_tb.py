"""rfssm_cells: states and spikes against the golden model, chunk by chunk."""

from collections import deque
from typing import Any

import cocotb
import numpy as np
from events import steps_of
from harness import (
    NO_PAUSE,
    Bench,
    Pattern,
    claims,
    expect,
    measured,
    pack,
    parameters,
    pauses,
    signed,
    test,
    test_under_four_patterns,
    unpack,
)

from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

P = parameters()
N, LANES, STATE_W = P["N"], P["LANES"], P["STATE_W"]
CHUNKS, PARTS = -(-N // LANES), P["COMPLEX"] + 1
PIPE, LOOP = 9, 8
LAYER = IntegerNetwork.load("network.safetensors").layers[0]
SAMPLES = Samples.load("samples.npz")
STEPS = list(steps_of(SAMPLES))


class Cells(Bench):
    """The cells between steps with their currents and a listener that may have no room."""

    def __init__(self, dut: Any, pattern: Pattern = NO_PAUSE) -> None:
        super().__init__(dut)
        self.out = self.watch("m_valid", "m_chunk m_spike trace_u trace_v m_step_end m_last")
        self.frees = self.watch("step_free", "step_free")
        self.announced: list[int] = []
        self.running = False
        self._pattern = pattern
        self._started = -1
        dut.step_valid.value = 0
        cocotb.start_soon(self._announce())
        cocotb.start_soon(self._currents())
        cocotb.start_soon(self._room())

    def forget(self) -> None:
        self.announced.clear()
        self.running = False

    async def _announce(self) -> None:
        """Steps as the synapse announces them: never more than two that are not free yet."""
        dut, paused = self.dut, pauses(self.rng, self._pattern.source)
        while True:
            t = len(self.announced)
            free = t - len(self.frees.beats) < 2 and t < len(STEPS)
            go = self.running and free and not next(paused)
            dut.step_valid.value = int(go)
            if go:
                x, last = STEPS[t]
                dut.step_silent.value, dut.step_last.value = int(not x.any()), int(last)
                self.announced.append(self.cycle + 1)
            await self.edge()

    async def _currents(self) -> None:
        """The currents of an index, four cycles after it; anything while the step is silent."""
        dut, started = self.dut, -1
        late: deque[int] = deque([0, 0, 0])
        while True:
            await self.edge()
            if self.ignored:
                started = -1
                continue
            try:  # one step back in this cycle: an index belongs to the step started before
                index = int(dut.read_index.value)
            except ValueError:  # not known before the first sweep
                index = 0
            late.append(self._word(max(started, 0), index))
            dut.current.value = late.popleft()
            started += int(dut.step_start.value)

    def _word(self, t: int, index: int) -> int:
        x, _ = STEPS[min(t, len(STEPS) - 1)]
        if not x.any():
            return self.rng.getrandbits(LANES * PARTS * P["CURRENT_W"])
        rows = slice(index * LANES, (index + 1) * LANES)
        parts = [LAYER.weight_u[rows] @ x]
        if PARTS == 2:
            parts.append(LAYER.weight_v[rows] @ x)
        return pack([int(i) for i in np.stack(parts, axis=1).ravel()], P["CURRENT_W"])

    async def _room(self) -> None:
        paused = pauses(self.rng, self._pattern.sink)
        while True:
            self.dut.room.value = int(not next(paused))
            await self.edge()


def expected() -> list[tuple[Any, ...]]:
    traces = golden.run_spiking(LAYER, SAMPLES.x)
    per_step = [
        [row for row, _ in steps_of(Samples(array.astype(np.int64), SAMPLES.steps))]
        for array in traces
    ]
    found = []
    for rows, (_, last) in zip(zip(*per_step, strict=True), STEPS, strict=True):
        for k in range(CHUNKS):
            end = k == CHUNKS - 1
            chunk = [row[k * LANES : (k + 1) * LANES].tolist() for row in rows]
            found.append((k, *chunk, int(end), int(end and last)))
    return found


def decoded(raw: list[tuple[int, ...]]) -> list[tuple[Any, ...]]:
    found = []
    for chunk, spikes, u, v, step_end, last in raw:
        real = min(LANES, N - chunk * LANES)
        states = [[signed(w, STATE_W) for w in unpack(x, LANES, STATE_W)][:real] for x in (u, v)]
        assert not spikes >> real, "a padding lane spikes"
        found.append((chunk, unpack(spikes, real, 1), *states, step_end, last))
    return found


async def equals_golden(cells: Cells) -> None:
    cells.running = True
    while len(cells.frees.beats) < len(STEPS):
        await cells.edge()
    await cells.edge(PIPE + 5)
    expect(decoded(cells.out.beats), expected(), "chunk (number, spikes, u, v, step_end, last)")


@test_under_four_patterns
async def spikes_and_states_equal_golden(dut: Any, pattern: Pattern) -> None:
    cells = Cells(dut, pattern)
    await cells.reset()
    await equals_golden(cells)


@test
async def after_a_reset_in_mid_sample_the_next_sample_is_exact(dut: Any) -> None:
    cells = Cells(dut, Pattern(source=False, sink=True))
    await cells.reset()
    for _ in range(5):
        cells.running = True
        await cells.edge(cells.rng.randint(5, 80))
        cells.forget()
        await cells.reset(cycles=cells.rng.randint(2, 3))
        cells.forget()
    await equals_golden(cells)


@test
async def latency_and_interval_are_as_claimed(dut: Any) -> None:
    claims("rfssm_cells", "Latency: 9 cycles from issue to m_valid.")
    claims("rfssm_cells", "II: max(CHUNKS, 8) cycles per step;")
    cells = Cells(dut)
    await cells.reset()
    await equals_golden(cells)
    to_issue = 2  # rfssm_sweep: from step_valid to the first issue
    measured("latency", cells.out.cycles[0] - cells.announced[0] - to_issue, PIPE)
    ends = [cycle for beat, cycle in zip(cells.out.beats, cells.out.cycles, strict=True) if beat[4]]
    measured("interval of steps", (ends[-1] - ends[4]) / (len(ends) - 5), max(CHUNKS, LOOP))
