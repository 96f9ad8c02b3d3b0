"""From a recipe to a run folder: train, freeze, check, plot."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml

from rfssm.model import data as datasets
from rfssm.model import plots
from rfssm.model.data import Data
from rfssm.model.errors import RecipeError, RfssmError
from rfssm.model.files import PARTIAL, write_atomically
from rfssm.model.network import S5RF
from rfssm.model.train import Metrics, fit, reproducible
from rfssm.quant import golden
from rfssm.quant.freeze import freeze
from rfssm.quant.network import InputSpec, IntegerNetwork
from rfssm.quant.qat import QATNetwork
from rfssm.quant.recipe import Recipe
from rfssm.quant.samples import Samples, compare

RECIPE = "recipe.yaml"
NETWORK = "network.safetensors"
TEST = "test.npz"
CALIBRATION_SAMPLES = 64


@dataclass(frozen=True)
class TrainingResult:
    """A finished run.  ``accuracy``: of the integer network, on the test set."""

    folder: Path
    network: IntegerNetwork
    accuracy: float
    history: list[Metrics]
    seconds: float


def train(
    recipe: Recipe, run_dir: Path, *, resume: bool = False, progress: bool = True
) -> TrainingResult:
    """Train, freeze, and fill the run folder.

    ``resume`` goes on after the last complete epoch of an interrupted run of the same recipe, and
    ends with the same network, bit for bit; a run that never started starts.

    The folder holds recipe.yaml (every default spelled out), checkpoint.ckpt, metrics.csv,
    network.safetensors, test.npz (the test samples as integers) and plots.
    """
    began = time.monotonic()
    data = datasets.load(recipe.data)
    _open_folder(recipe, run_dir, resume)
    with reproducible():
        network = build(recipe, data)
        start = [layer.cell.transition().detach() for layer in network.spiking()]
        history = fit(
            network,
            data,
            recipe.training,
            seed=recipe.seed,
            folder=run_dir,
            progress=progress,
        )
        network.eval()
        network.warn_about_floor()
        test = test_samples(data)
        frozen, accuracy = _freeze_and_check(recipe, network, test, data, len(history))
        if accuracy != history[-1].test_accuracy:  # both are exact: only other code explains it
            raise RfssmError(
                f"{run_dir}: its network scored {history[-1].test_accuracy:.4f} after training and "
                f"{accuracy:.4f} now; another version of rfssm trained it, start a new run"
            )
        _plot(run_dir, network, start, test, history)
        test.save(run_dir / TEST)
        frozen.save(run_dir / NETWORK)
    return TrainingResult(run_dir, frozen, accuracy, history, time.monotonic() - began)


def build(recipe: Recipe, data: Data) -> QATNetwork:
    """The network that training starts from: a function of the recipe alone."""
    random = torch.Generator().manual_seed(recipe.seed)
    x_unit = 2.0**-data.frac
    classes = len(data.labels)
    real = S5RF(recipe.network, data.channels, classes, random, x_unit)
    spec = InputSpec(
        channels=data.channels,
        bits=data.bits,
        signed=False,
        frac=data.frac,
        steps_max=data.steps_max,
    )
    network = QATNetwork(real, recipe.quantization, spec)
    if recipe.training.calibration is not None:
        order = torch.randperm(len(data.train.labels), generator=random)
        chosen = order[:CALIBRATION_SAMPLES].numpy()
        steps = torch.from_numpy(data.train.steps[chosen])
        x = torch.from_numpy(data.train.x[chosen, : int(steps.max())]).float()
        network.calibrate(x, steps, recipe.training.calibration)
    return network


def test_samples(data: Data) -> Samples:
    """The test set as every engine reads it."""
    longest = int(data.test.steps.max())
    return Samples(data.test.x[:, :longest].astype(np.int64), data.test.steps, data.test.labels)


def _open_folder(recipe: Recipe, folder: Path, resume: bool) -> None:
    """Make the run folder, or find in it an unfinished run of this recipe."""
    known = folder / RECIPE
    try:
        if resume and known.exists():
            _same_recipe(recipe, yaml.safe_load(known.read_text()), known)
            for left in folder.rglob(f".*{PARTIAL}"):
                left.unlink()
            return
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            hint = "it holds no recipe.yaml" if resume else "to go on with it, resume"
            raise RfssmError(f"{folder}: already exists; choose another folder ({hint})")
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(known, recipe.to_yaml().encode())
    except OSError as error:
        raise RfssmError(f"{folder}: cannot be written ({error.strerror})") from None


def _same_recipe(recipe: Recipe, found: object, path: Path) -> None:
    wanted = _fields(recipe.model_dump(mode="json"))
    present = _fields(found)
    for field in sorted(wanted.keys() | present.keys()):
        if wanted.get(field) != present.get(field):
            raise RecipeError(
                f"{field} = {wanted.get(field)!r}: the run to resume has "
                f"{present.get(field)!r} ({path}); resume needs the same recipe"
            )


def _fields(value: object, prefix: str = "") -> dict[str, object]:
    """Flatten nested sections to dotted names."""
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, object] = {}
    for key, inner in value.items():
        flat |= _fields(inner, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _freeze_and_check(
    recipe: Recipe, network: QATNetwork, test: Samples, data: Data, epochs: int
) -> tuple[IntegerNetwork, float]:
    """The integer network and its accuracy; what was trained must score as what is written."""
    frozen = freeze(network, name=recipe.name, labels=data.labels)
    expected = golden.run(frozen, test)
    differences = compare(expected, network.outputs(test))
    if differences:
        raise AssertionError(f"the trained network is not the frozen one: {differences[0]}")
    accuracy = expected.accuracy(test)
    provenance = {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "epochs": epochs,
        "test_accuracy": accuracy,
        "test_samples": len(test),
    }
    return frozen.model_copy(update={"provenance": provenance}), accuracy


@torch.no_grad()
def _plot(
    folder: Path,
    network: QATNetwork,
    start: list[torch.Tensor],
    test: Samples,
    history: list[Metrics],
) -> None:
    """The three pictures of a run."""
    plots.curves(folder / "curves.png", history)
    one = network.outputs(test[:1], spikes=True)
    assert one.spikes is not None
    length = int(test.steps[0])
    label = int(test.labels[0]) if test.labels is not None else 0
    plots.raster(
        folder / "raster.png",
        test.x[0, :length],
        [spikes[0, :length] for spikes in one.spikes],
        f"test sample 0, class {label}, recognised as {int(one.label[0])}",
    )
    plots.eigenvalues(
        folder / "eigenvalues.png",
        [plots.eigenvalue(t) for t in start],
        [plots.eigenvalue(layer.cell.transition()) for layer in network.spiking()],
        [plots.eigenvalue(layer.integers().transition) for layer in network.spiking()],
    )
