"""rfssm_readout: scores, labels and packets against the golden model."""

from typing import Any

from events import FIELDS, beats, packets
from harness import Bench, Pattern, expect, parameters, signed, test, test_under_four_patterns

from rfssm.quant import golden
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Outputs, Samples

P = parameters()
SAMPLES = Samples.load("samples.npz")
READOUT = IntegerNetwork.load("network.safetensors").readout
if not P["SATURATE"]:
    READOUT = READOUT.model_copy(update={"overflow": "WRAP"})
EXPECTED = packets(Outputs(*golden.run_readout(READOUT, SAMPLES.x, SAMPLES.steps)), SAMPLES)


class Readout(Bench):
    """The readout between a source and a sink."""

    def __init__(self, dut: Any, pattern: Pattern) -> None:
        super().__init__(dut)
        self.events = self.source("s_", FIELDS, pattern.source)
        self.out = self.sink("m_", "data last", pattern.sink)

    async def answers_as_golden(self) -> None:
        """Send all samples, one after the other without a gap, and compare every beat."""
        self.events.send(beats(SAMPLES, self.rng))
        got = await self.out.receive(len(EXPECTED))
        width = len(self.dut.m_data)
        expect([(signed(data, width), last) for data, last in got], EXPECTED, "beat (data, last)")
        await self.edge(40)
        assert len(self.out.beats) == len(EXPECTED), "a beat came twice"


@test_under_four_patterns
async def packets_equal_golden(dut: Any, pattern: Pattern) -> None:
    readout = Readout(dut, pattern)
    await readout.reset()
    await readout.answers_as_golden()
    assert pattern.sink or not readout.out.stalled


@test
async def after_a_reset_in_mid_sample_the_next_sample_is_exact(dut: Any) -> None:
    readout = Readout(dut, Pattern(source=False, sink=True))
    await readout.reset()
    for _ in range(6):
        readout.events.send(beats(SAMPLES, readout.rng))
        await readout.edge(readout.rng.randint(1, 80))
        await readout.reset(cycles=readout.rng.randint(1, 2))
    await readout.answers_as_golden()
