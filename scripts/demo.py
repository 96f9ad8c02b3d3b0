"""Train, convert and compare every engine once, on real data that come with the package."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rfssm.errors import ToolError
from rfssm.hls import engines
from rfssm.hls.convert import Hardware, convert
from rfssm.hls.verify import VerifyReport, verify_network
from rfssm.progress import EngineProgress
from rfssm.quant.network_file import NETWORK
from rfssm.quant.recipe import Recipe
from rfssm.quant.run import train
from rfssm.quant.samples import TEST, Samples

ICARUS_SAMPLES = 20
"""The number of samples for Icarus, which interprets the circuit and is by far the slowest."""


@dataclass(frozen=True)
class DemoReport:
    """The files of a demo, the accuracy of its network, and the comparison of all engines."""

    network: Path
    hardware: Hardware
    accuracy: float  # of the integer network, on the whole test set
    engines: VerifyReport

    def to_json(self) -> dict[str, object]:
        """Return the report in plain JSON values."""
        return {
            "network": str(self.network),
            "hardware": {name: str(path) for name, path in asdict(self.hardware).items()},
            "accuracy": self.accuracy,
            **self.engines.to_json(),
        }


def run_demo(
    recipe: Recipe,
    run_dir: Path,
    *,
    say: Callable[[str], None],
    progress: EngineProgress | None = None,
) -> DemoReport:
    """Train ``recipe`` in ``run_dir``, convert the network, compare all engines on the test set.

    An interrupted run is continued; a finished one is not trained again.

    say         called with a line at each stage
    progress    called with an engine's name and the numbers of samples done and of all samples

    Raises ToolError if csim or Verilator cannot run.
    """
    for name in ("csim", "verilator"):  # Icarus alone may be missing
        if (reason := engines.missing(name)) is not None:
            raise ToolError(f"engine {name}: {reason}")
    layers = " x ".join(str(neurons) for neurons in recipe.network.neurons)
    say(f"1/3  train    recipe {recipe.name}: {layers} neurons, {recipe.training.epochs} epochs")
    trained = train(recipe, run_dir, resume=True, progress=progress is not None)
    network, test = trained.network, Samples.load(run_dir / TEST)
    assert network is not None  # the demo's recipe trains integers
    widths = network.layers[0]
    say(
        f"              {run_dir / NETWORK}: integers, "
        f"weights {widths.weight_bits} bits, states {widths.state_bits} bits"
    )
    hardware = run_dir / "ip"
    if hardware.exists():  # from an earlier demo in this run's folder
        shutil.rmtree(hardware)
    written = convert(network, hardware, test[:ICARUS_SAMPLES])
    say(
        f"2/3  convert  {written.hls} (HLS C++), {written.rtl} (SystemVerilog), "
        f"{written.bench} (test bench)"
    )
    say(f"3/3  compare  {len(test)} test samples in {', '.join(engines.BY_DEFAULT)}")
    report = verify_network(network, test, at_most={"icarus": ICARUS_SAMPLES}, progress=progress)
    return DemoReport(run_dir / NETWORK, written, trained.summary.accuracy, report)
