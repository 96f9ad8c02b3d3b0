"""rfssm_layer: spikes, states and the event protocol against the golden model."""

from typing import Any

import numpy as np
from events import FIELDS, Event, answer, beats, steps_of
from harness import (
    Bench,
    Pattern,
    expect,
    parameters,
    signed,
    test,
    test_under_four_patterns,
    unpack,
)

from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples

P = parameters()
NETWORK = IntegerNetwork.load("network.safetensors")
SAMPLES = Samples.load("samples.npz")
LAYER = NETWORK.layers[0]
if not P["SATURATE"]:
    LAYER = LAYER.model_copy(update={"overflow": "WRAP"})
SPIKES, U, V = golden.run_spiking(LAYER, SAMPLES.x)
OUT = SPIKES + SAMPLES.x if LAYER.skip else SPIKES.astype(np.int64)
EXPECTED = answer(OUT, SAMPLES)


class Layer(Bench):
    """The layer between a source and a sink, its trace written down."""

    def __init__(self, dut: Any, pattern: Pattern) -> None:
        super().__init__(dut)
        self.events = self.source("s_", FIELDS, pattern.source)
        self.out = self.sink("m_", FIELDS, pattern.sink)
        self.trace = self.watch("trace_valid", "trace_chunk trace_spike trace_u trace_v")

    async def answers_as_golden(self) -> None:
        """Send all samples, one after the other without a gap, and compare everything."""
        self.events.send(beats(SAMPLES, self.rng))
        expect(decoded(await self.out.receive(len(EXPECTED))), EXPECTED, "event")
        await self.edge(30)
        assert len(self.out.beats) == len(EXPECTED), "an event came twice"
        expect(traced(self.trace.beats), golden_trace(), "chunk (number, spikes, u, v)")


def decoded(raw: list[Event]) -> list[Event]:
    """Values as integers; the address of an empty beat means nothing."""
    width = P["OUT_W"]
    is_signed = P["SKIP"] and P["VALUE_SIGNED"]
    values = [signed(value, width) if is_signed else value for _, value, _, _ in raw]
    return [
        (addr if value else 0, value, step_end, last)
        for (addr, _, step_end, last), value in zip(raw, values, strict=True)
    ]


def traced(raw: list[tuple[int, ...]]) -> list[tuple[int, list[int], list[int], list[int]]]:
    lanes, bits, neurons = P["NEURON_LANES"], P["STATE_W"], P["N_OUT"]
    found = []
    for chunk, spikes, u, v in raw:
        real = min(lanes, neurons - chunk * lanes)
        states = [[signed(word, bits) for word in unpack(x, lanes, bits)][:real] for x in (u, v)]
        assert not spikes >> real, "a padding lane spikes"
        found.append((chunk, unpack(spikes, real, 1), *states))
    return found


def golden_trace() -> list[tuple[int, list[int], list[int], list[int]]]:
    lanes = P["NEURON_LANES"]
    per_step = [
        [row for row, _ in steps_of(Samples(array.astype(np.int64), SAMPLES.steps))]
        for array in (SPIKES, U, V)
    ]
    return [
        (at // lanes, *(row[at : at + lanes].tolist() for row in rows))
        for rows in zip(*per_step, strict=True)
        for at in range(0, P["N_OUT"], lanes)
    ]


@test_under_four_patterns
async def spikes_states_and_events_equal_golden(dut: Any, pattern: Pattern) -> None:
    layer = Layer(dut, pattern)
    await layer.reset()
    await layer.answers_as_golden()
    assert pattern.sink or not layer.out.stalled


@test
async def after_a_reset_in_mid_sample_the_next_sample_is_exact(dut: Any) -> None:
    layer = Layer(dut, Pattern(source=False, sink=True))
    await layer.reset()
    for _ in range(6):
        layer.events.send(beats(SAMPLES, layer.rng))
        await layer.edge(layer.rng.randint(1, 80))
        await layer.reset(cycles=layer.rng.randint(1, 2))
    await layer.answers_as_golden()
