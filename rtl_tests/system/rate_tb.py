"""The emitted IP: its cycles per step are those of its slowest layer."""

import json
from pathlib import Path
from typing import Any

from events import step
from harness import Axis, measured, test

PARAMETERS = json.loads(Path("parameters.json").read_text())


def formula(events: int) -> int:
    """Cycles per step of the slowest layer; only the first has events here."""
    slowest = 0
    for i, layer in enumerate(PARAMETERS["layers"]):
        words = -(-layer["N_OUT"] // layer["SYNAPSE_LANES"])
        chunks = -(-layer["N_OUT"] // layer["NEURON_LANES"])
        slowest = max(slowest, words * events * (i == 0), chunks, 8)
    return max(slowest, PARAMETERS["readout"]["CLASSES"])


@test
async def cycles_per_step_follow_the_formula(dut: Any) -> None:
    axis = Axis(dut, dut.aclk, dut.aresetn, 4)
    for events in (0, 1, 3, 16):
        took = []
        for steps in (8, 24):  # what it takes to come and go cancels out
            await axis.reset()
            words = [k << 16 | value | end << 31 for k, value, end, _ in steps * step(events)]
            await axis.source.send(b"".join(word.to_bytes(4, "little") for word in words))
            await axis.sink.recv()
            took.append(axis.packets[-1] - axis.taken[0][0])
        cycles = (took[1] - took[0]) / 16
        measured(f"cycles per step, {events} events", cycles, formula(events) + 2, at_most=True)
        assert cycles >= formula(events), "faster than the hardware can be"
