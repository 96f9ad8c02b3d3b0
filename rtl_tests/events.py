"""Event streams: steps as beats (addr, value, step_end, last), and what a layer must answer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from rfssm.quant.arithmetic import Integers
from rfssm.quant.samples import Outputs, Samples

Event = tuple[int, int, int, int]
FIELDS = "addr value step_end last"


def steps_of(samples: Samples) -> Iterator[tuple[Any, bool]]:
    """Values of each step of each sample, and whether it is the sample's last."""
    for x, count in zip(samples.x, samples.steps, strict=True):
        for t in range(count):
            yield x[t], t == count - 1


def beats(samples: Samples, rng: random.Random) -> list[Event]:
    """Samples as a source may send them: any order within a step, sometimes an empty last beat,
    sometimes an event of value 0 in between."""
    sent: list[Event] = []
    for values, last in steps_of(samples):
        events = [(n, int(value)) for n, value in enumerate(values) if value]
        zeros = [n for n, value in enumerate(values) if not value]
        if events and zeros and rng.random() < 0.1:
            events.append((rng.choice(zeros), 0))
        rng.shuffle(events)
        if not events or rng.random() < 0.15:
            events.append((rng.choice(zeros) if zeros else 0, 0))
        sent += [(n, value, 0, 0) for n, value in events[:-1]]
        n, value = events[-1]
        sent.append((n, value, 1 if not last or rng.random() < 0.5 else 0, int(last)))
    return sent


def step(events: int, last: bool = False) -> list[Event]:
    """A step of so many events of value 1."""
    ends = [0] * max(0, events - 1) + [1]
    return [(k, int(events > 0), end, int(end and last)) for k, end in enumerate(ends)]


def answer(values: Integers, samples: Samples) -> list[Event]:
    """What must leave: lowest address first, no zeros, no empty beat but for a silent step."""
    expected: list[Event] = []
    for row, last in steps_of(Samples(values, samples.steps)):
        events = [(n, int(value)) for n, value in enumerate(row) if value] or [(0, 0)]
        expected += [(n, value, 0, 0) for n, value in events[:-1]]
        expected.append((*events[-1], 1, int(last)))
    return expected


def packets(outputs: Outputs, samples: Samples) -> list[tuple[int, int]]:
    """Beats (data, last) of the score packets: scores and label of each sample, or of each step."""
    expected: list[tuple[int, int]] = []
    for scores, label, count in zip(outputs.scores, outputs.label, samples.steps, strict=True):
        rows = [(scores, label)] if scores.ndim == 1 else list(zip(scores, label, strict=True))
        for row, best in rows[:count]:
            expected += [(int(score), 0) for score in row] + [(int(best), 0)]
        expected[-1] = (expected[-1][0], 1)
    return expected
