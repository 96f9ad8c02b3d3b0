"""Handwritten digits, from training to hardware, in ten lines.

    python examples/digits.py [FOLDER]

Four epochs of the recipe's forty: enough to see the road, and done in half a minute.
"""

import sys
from pathlib import Path
from tempfile import mkdtemp

import rfssm

folder = Path(sys.argv[1] if sys.argv[1:] else mkdtemp(prefix="digits-"))
network = rfssm.train("digits", folder / "run", overrides={"training.epochs": 4}).network
samples = rfssm.Samples.load(folder / "run" / "test.npz")
outputs = rfssm.run(network, samples)
print(f"{100 * outputs.accuracy(samples):.1f} % of {len(samples)} test images")
report = rfssm.verify(network, samples[:50], engines=["csim", "verilator"])
print(f"equal to the golden model: {', '.join(report.compared)}")
ip = rfssm.convert(network, folder / "ip", name="digits")
cost = rfssm.estimate(network, "ecp5-25k", samples)
print(f"{ip.rtl}: {cost.fmax_mhz:.0f} MHz, {cost.latency_us:.1f} us per image")
assert report.equal
