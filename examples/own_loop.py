"""A training loop in plain torch, for a network whose layers are of different neuron models.

    python examples/own_loop.py

The task: say whether 8 channels burst every 4 or every 7 steps, in noise.
"""

import math

import numpy as np
import torch
from torch import nn

import rfssm
from rfssm.model import start
from rfssm.model.layers import Readout, SpikingLayer
from rfssm.model.network import FloatNetwork
from rfssm.model.neurons import LeakCell
from rfssm.model.recipe import CSiLIFConfig, PRFConfig
from rfssm.quant.layers import InputSpec

STEPS, CHANNELS, CLASSES = 40, 8, 2
random = np.random.default_rng(0)
seeded = torch.Generator().manual_seed(0)


def rhythms(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Spikes [samples, steps, channels], and the class of each sample."""
    labels = np.arange(count) % CLASSES
    x = random.random((count, STEPS, CHANNELS)) < 0.05
    for sample, label in zip(x, labels, strict=True):
        sample[random.integers(4) :: 4 if label else 7] |= random.random(CHANNELS) < 0.7
    return torch.from_numpy(x).float(), torch.from_numpy(labels)


# -- a layer of PRF neurons, one of C-SiLIF neurons, and a readout, in real numbers ----------------
layers = []
for config, inputs, neurons in (
    (PRFConfig(model="prf"), CHANNELS, 12),
    (CSiLIFConfig(model="csilif"), 12, 8),
):
    cell, _ = start.cell(config, neurons, seeded, first=not layers)
    layers.append(SpikingLayer(cell, start.weight(config, neurons, inputs, seeded)))
readout = Readout(
    LeakCell(torch.full((CLASSES,), math.log(4))),  # keeps 80 % per step
    torch.randn(CLASSES, 8, generator=seeded) / math.sqrt(8),
)

# -- the same network on the integers of the hardware ----------------------------------------------
spec = InputSpec(channels=CHANNELS, bits=1, signed=False, frac=0, steps_max=STEPS)
network = rfssm.quantize_aware(FloatNetwork(layers, readout), spec)
x, labels = rhythms(256)
network.calibrate(x, torch.full((len(x),), STEPS), 0.5)

# -- the loop: nothing here is rfssm's own ---------------------------------------------------------
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
for epoch in range(12):
    network.train()
    total = 0.0
    for batch in torch.randperm(len(x), generator=seeded).split(32):
        logits = network.run(x[batch], torch.full((len(batch),), STEPS)).logits
        loss = nn.functional.cross_entropy(logits, labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss) * len(batch) / len(x)
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1}: loss {total:.3f}")

# -- integers, and their equality in the hardware's own arithmetic ---------------------------------
frozen = rfssm.freeze(network.eval(), name="rhythm", labels=("slow", "fast"))
x, labels = rhythms(100)
test = rfssm.Samples(x.numpy().astype(np.int64), np.full(100, STEPS), labels.numpy())
print(frozen)
print(f"{100 * rfssm.run(frozen, test).accuracy(test):.0f} % of 100 new samples right")
report = rfssm.verify(frozen, test[:10], engines=["csim"])
print(f"HLS C++ equal: {report.equal}")
assert report.equal
