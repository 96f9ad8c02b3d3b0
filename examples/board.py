"""Samples through a ULX3S in simulation: the board's top, bit by bit at its serial pins.

    python examples/board.py

With a real board the port is a name, as in ``Device("/dev/ttyUSB0", network)``; the rest is equal.
The simulated board is that of the tests.
"""

import sys
from pathlib import Path
from tempfile import mkdtemp

import rfssm
from rfssm.hls.boards.boards import ULX3S
from rfssm.hls.boards.host import Device

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from simulated_board import SimulatedBoard

folder = Path(mkdtemp(prefix="board-"))
small = {"network.neurons": [8, 8], "training.epochs": 1, "training.batch": 256}
network = rfssm.train("digits", folder / "run", overrides=small).network
samples = rfssm.Samples.load(folder / "run" / "test.npz")[:5]

with SimulatedBoard(network, ULX3S) as board, Device(board, network) as device:
    identity = device.identify()
    print(f"the board holds network {identity.digest.hex()}")
    outputs = device.run(samples)
    print(f"labels {outputs.label.tolist()}, the LEDs show {board.label}")

expected = rfssm.run(network, samples)
assert (outputs.scores == expected.scores).all()
print("equal to the golden model")
