"""rfssm_synapse: exact currents of every step, whoever is late."""

from typing import Any

import cocotb
from events import FIELDS, Event, beats, step, steps_of
from harness import (
    NO_PAUSE,
    Bench,
    Pattern,
    claims,
    expect,
    measured,
    parameters,
    pauses,
    signed,
    test,
    test_under_four_patterns,
    unpack,
    unsigned,
)
from sweeping import Sweeper

from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

P = parameters()
LAYER = IntegerNetwork.load("network.safetensors").layers[0]
SAMPLES = Samples.load("samples.npz")
READ, PARTS, CURRENT_W = P["READ_LANES"], P["COMPLEX"] + 1, P["CURRENT_W"]
READS = -(-P["N_OUT"] // READ)
WORDS = -(-P["N_OUT"] // P["LANES"])
LATE = 4  # cycles from an index to its currents


class Synapse(Bench):
    """The synapse between an event source and a reader that sweeps the currents."""

    def __init__(self, dut: Any, pattern: Pattern = NO_PAUSE) -> None:
        super().__init__(dut)
        self.events = self.source("s_", FIELDS, pattern.source)
        self.steps = self.watch("step_valid", "step_silent step_last")
        self.used = self.watch("event_valid", "event_addr event_value")
        self.closed = self.watch("event_close", "event_close")
        self.sweeper = Sweeper(self, READS, pauses(self.rng, pattern.sink))
        self.currents: dict[tuple[int, int], list[int]] = {}
        """By step and index, the currents of READ neurons, parts side by side."""
        cocotb.start_soon(self._read())

    async def _read(self) -> None:
        done = 0
        while True:
            await self.edge()
            if self.ignored:
                self.currents.clear()
                done = 0
                continue
            log = self.sweeper.log
            while done < len(log) and log[done][0] + LATE <= self.cycle:
                when, step, index = log[done]
                done += 1
                if when + LATE == self.cycle and not self.steps.beats[step][0]:
                    word = int(self.dut.current.value)
                    self.currents[step, index] = unpack(word, READ * PARTS, CURRENT_W)


def nonzero(sent: list[Event]) -> list[tuple[int, int]]:
    return [(addr, unsigned(value, P["VALUE_W"])) for addr, value, _, _ in sent if value]


async def computes(synapse: Synapse) -> None:
    sent = beats(SAMPLES, synapse.rng)
    rows = list(steps_of(SAMPLES))
    synapse.events.send(sent)
    while synapse.sweeper.freed < len(rows):
        await synapse.edge()
    await synapse.edge(10)
    flags = [(int(not x.any()), int(last)) for x, last in rows]
    expect(synapse.steps.beats, flags, "step (silent, last)")
    expect(synapse.used.beats, nonzero(sent), "event passed on (addr, value)")
    assert len(synapse.closed.beats) == len(rows)
    compared = 0
    for t, (x, _) in enumerate(rows):
        if not x.any():
            continue
        parts = [LAYER.weight_u @ x] + ([LAYER.weight_v @ x] if PARTS == 2 else [])
        for n in range(P["N_OUT"]):
            got = synapse.currents[t, n // READ]
            at = (n % READ) * PARTS
            expect(
                [signed(word, CURRENT_W) for word in got[at : at + PARTS]],
                [int(part[n]) for part in parts],
                f"step {t}, neuron {n}: current",
            )
            compared += 1
    assert compared > 0


@test_under_four_patterns
async def currents_are_exact(dut: Any, pattern: Pattern) -> None:
    synapse = Synapse(dut, pattern)
    await synapse.reset()
    await computes(synapse)


@test
async def reset_in_mid_step_leaves_nothing_behind(dut: Any) -> None:
    synapse = Synapse(dut, Pattern(source=False, sink=True))
    await synapse.reset()
    for _ in range(5):
        synapse.events.send(beats(SAMPLES, synapse.rng))
        await synapse.edge(synapse.rng.randint(1, 60))
        await synapse.reset(cycles=synapse.rng.randint(1, 2))
    await computes(synapse)


@test
async def one_cycle_of_reset_clears_what_is_just_being_issued(dut: Any) -> None:
    synapse = Synapse(dut)
    await synapse.reset()
    synapse.events.send([(0, 0, 1, 0)] * 2)  # the second step closes a cycle after the first
    while not int(dut.event_close.value):
        await synapse.edge()
    await synapse.reset(cycles=1)
    await computes(synapse)


@test
async def latency_and_interval_are_as_claimed(dut: Any) -> None:
    claims(
        "rfssm_synapse",
        "Latency: WORDS + 1 cycles from a step's last event to step_valid, 1 more where values need"
        " a multiplier.",
    )
    claims(
        "rfssm_synapse",
        "II: WORDS cycles per event, 1 for an event of value 0.",
    )
    synapse = Synapse(dut)
    await synapse.reset()
    inputs = P["N_IN"]
    synapse.events.send(step(inputs))
    await synapse.events.sent()
    await synapse.edge(WORDS + 10)
    latency = synapse.steps.cycles[0] - synapse.events.cycles[-1]
    multiplies = P["VALUE_W"] > 1 or P["VALUE_SIGNED"]
    measured("latency", latency, WORDS + 1 + int(multiplies))
    await synapse.edge(2 * max(READS, 8))
    synapse.events.send([(0, 1, 0, 0)] * 20)  # only the interval counts here
    await synapse.events.sent()
    taken = synapse.events.cycles
    measured("interval of events", (taken[-1] - taken[-11]) / 10, WORDS)
    synapse.events.send([(0, 0, 0, 0)] * 20)
    await synapse.events.sent()
    measured("interval of events of value 0", (taken[-1] - taken[-11]) / 10, 1)
