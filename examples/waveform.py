"""Follow one sample through the circuit: states as a picture, signals as a VCD file.

    python examples/waveform.py [NETWORK SAMPLES FOLDER]

Without arguments a small network is trained on digits first.  Needs Icarus Verilog.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from matplotlib.figure import Figure

import rfssm

RECORD = """
module record;  // a second top: makes Icarus write every signal of the bench
  initial begin
    $dumpfile("wave.vcd");
    $dumpvars(0, rfssm_bench);
  end
endmodule
"""

if sys.argv[1:]:
    network, samples, folder = rfssm.load(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
else:
    folder = Path(mkdtemp(prefix="waveform-"))
    small = {"network.neurons": [8, 8], "training.epochs": 1, "training.batch": 256}
    network = rfssm.train("digits", folder / "run", overrides=small).network
    samples = folder / "run" / "test.npz"
one = rfssm.Samples.load(samples)[:1]

# -- the states, from the golden model: every engine gives the same --------------------------------
traced = rfssm.run(network, one, spikes=True, states=True)
u, spikes = traced.u[0][0], traced.spikes[0][0]  # layer 0, sample 0: [steps, neurons]
neuron = int(spikes.sum(0).argmax())
threshold = int(network.layers[0].threshold[neuron])
assert np.array_equal(u[:, neuron] > threshold, spikes[:, neuron])
figure = Figure(figsize=(8, 3), layout="constrained")
axes = figure.add_subplot(xlabel="step", ylabel=f"state u of neuron {neuron}")
axes.step(range(len(u)), u[:, neuron], where="post")
axes.axhline(threshold, linestyle="--", color="black", label="threshold")
axes.plot(np.flatnonzero(spikes[:, neuron]), u[spikes[:, neuron], neuron], "o", label="spike")
axes.legend()
figure.savefig(folder / "states.png")
print(f"{folder / 'states.png'}: {int(spikes[:, neuron].sum())} spikes in {len(u)} steps")

# -- the signals, from Icarus ----------------------------------------------------------------------
bench = rfssm.convert(network, folder / "ip", name="traced").bench
(bench / "record.v").write_text(RECORD)
recipe = subprocess.run(
    ["make", "-n", "bench.vvp"], cwd=bench, check=True, capture_output=True, text=True
)
(build,) = (line for line in recipe.stdout.splitlines() if line.startswith("iverilog"))
command = build.replace("-s rfssm_bench", "-s rfssm_bench -s record")
subprocess.run([*command.split(), "record.v"], cwd=bench, check=True)
done = subprocess.run(["make"], cwd=bench, check=True, capture_output=True, text=True)
print(done.stdout.splitlines()[-1])
print(f"{bench / 'wave.vcd'}: {(bench / 'wave.vcd').stat().st_size / 1e6:.1f} MB")
