"""From a recipe to a run folder: train, freeze, check, plot."""

from __future__ import annotations

import json
import time
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rfssm.errors import RecipeError, RfssmError, one_line, short_repr
from rfssm.files import PARTIAL, no_room, write_atomically
from rfssm.model import data as datasets
from rfssm.model.data import Data, DataWarning
from rfssm.model.network import FloatNetwork
from rfssm.model.network import build as build_real
from rfssm.model.training import plots
from rfssm.model.training.checkpoint import CHECKPOINT, Metrics, kept
from rfssm.model.training.loop import check_devices, fit
from rfssm.model.training.settings import reproducible
from rfssm.quant import golden
from rfssm.quant.freeze import freeze
from rfssm.quant.layers import InputSpec
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.network_file import NETWORK
from rfssm.quant.qat import QATNetwork
from rfssm.quant.ranges.reach import reachable_range
from rfssm.quant.recipe import LARGEST_FILE, RECIPE, SUMMARY, Recipe, parse_recipe
from rfssm.quant.samples import TEST, Samples, compare
from rfssm.strict import parse_yaml, read_bounded

CALIBRATION_SAMPLES = 64


@dataclass(frozen=True)
class Summary:
    """The results of a run.

    accuracy             on the test set, of the integer network if there is one
    parameters           numbers that were trained
    spikes_per_sample    of all layers together, mean over the test set
    rates                spikes per neuron and step of each layer, on the test set
    state_bits           of each layer and the readout; none where numbers are real
    reachable_bits       of a word that no input overflows, proved: the same layers
    seconds              of the session that ended the run
    """

    recipe: dict[str, Any]
    accuracy: float
    parameters: int
    spikes_per_sample: float
    rates: tuple[float, ...]
    state_bits: tuple[int, ...]
    reachable_bits: tuple[int, ...]
    seconds: float


@dataclass(frozen=True)
class TrainingResult:
    """A finished run.  ``network`` is None if the recipe trains in real numbers."""

    folder: Path
    network: IntegerNetwork | None
    history: list[Metrics]
    summary: Summary


def train(
    recipe: Recipe, run_dir: Path, *, resume: bool = False, progress: bool = True
) -> TrainingResult:
    """Train, freeze, and fill the run folder.

    ``resume`` goes on after the last complete epoch of an interrupted run of the same recipe on the
    same data, and ends with the same network, bit for bit; a run that never started starts.

    The folder holds recipe.yaml (every default spelled out), checkpoint.ckpt, metrics.csv,
    test.npz (the test samples as integers), plots, summary.json, and network.safetensors unless
    the recipe trains in real numbers.
    """
    began = time.monotonic()
    data = datasets.load(recipe.data)
    if recipe.training.augmentation is not None:
        datasets.check_augmentation(recipe.training.augmentation, data.train)
    with reproducible():
        network = build(recipe, data)
        check_devices(recipe.training)
        _open_folder(recipe, run_dir, resume)  # once nothing is left to refuse
        frozen = None
        reachable: tuple[int, ...] = ()
        start = [layer.cell.transition().detach() for layer in network.spiking()]
        history = fit(
            network,
            data,
            recipe.training,
            seed=recipe.seed,
            folder=run_dir,
            progress=progress,
            recipe=recipe.model_dump(mode="json"),
        )
        network.eval()
        test = test_samples(data)
        if isinstance(network, QATNetwork):
            network.warn_about_floor()
            frozen = _freeze_and_check(recipe, network, test, data, history, run_dir)
            reachable = _reachable_bits(recipe, frozen)
        _plot(run_dir, network, start, test, history)
        test.save(run_dir / TEST)
        if frozen is not None:
            frozen.save(run_dir / NETWORK)
    layers = () if frozen is None else frozen.all_layers
    rates = history[-1].rates
    spikes = sum(r * n for r, n in zip(rates, recipe.network.neurons, strict=True))
    summary = Summary(
        recipe.model_dump(mode="json"),
        history[-1].test_accuracy,
        sum(p.numel() for p in network.parameters()),
        spikes * float(test.steps.mean()),
        rates,
        tuple(layer.state_bits for layer in layers),
        reachable,
        time.monotonic() - began,
    )
    write_atomically(run_dir / SUMMARY, json.dumps(asdict(summary), indent=1).encode())
    return TrainingResult(run_dir, frozen, history, summary)


def build(recipe: Recipe, data: Data) -> QATNetwork | FloatNetwork:
    """Build the network from which training starts, a function of the recipe alone."""
    random = torch.Generator().manual_seed(recipe.seed)
    classes = len(data.labels)
    if data.per_step != (recipe.network.score == "each"):
        raise RecipeError(
            f"network.score = {recipe.network.score!r}: must be 'each' where every step has a "
            f"label, and only there (data.set = {recipe.data.set!r})"
        )
    real = build_real(recipe.network, data.channels, classes, random, 2.0**-data.frac)
    network: QATNetwork | FloatNetwork = real
    if recipe.quantization is not None:
        spec = InputSpec(
            channels=data.channels,
            bits=data.bits,
            signed=data.signed,
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
    """Return the test set as every engine reads it."""
    longest = int(data.test.steps.max())
    return Samples(data.test.x[:, :longest].astype(np.int64), data.test.steps, data.test.labels)


def _open_folder(recipe: Recipe, folder: Path, resume: bool) -> None:
    """Make the run folder, or find in it an unfinished run of this recipe."""
    known = folder / RECIPE
    try:
        if resume and known.exists():
            _same_recipe(recipe, _known_recipe(known), known)
            checkpoint = folder / CHECKPOINT
            if checkpoint.exists() and (found := kept(checkpoint, "recipe")) is not None:
                _same_recipe(recipe, found, checkpoint)  # it may have come from another run
            for left in folder.rglob(f".*{PARTIAL}"):
                left.unlink()
            return
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            hint = "it holds no recipe.yaml" if resume else "to go on with it, resume"
            raise RfssmError(f"{folder}: already exists; choose another folder ({hint})")
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(known, recipe.to_yaml().encode())
    except OSError as error:
        raise RfssmError(f"{folder}: cannot be written: {no_room(folder, error)}") from None


def _known_recipe(path: Path) -> object:
    """Return the recipe of a run as plain values."""
    try:
        return parse_yaml(read_bounded(path, LARGEST_FILE).decode())
    except ValueError as error:  # not UTF-8, too long, not YAML
        raise RecipeError(f"{path}: not the recipe of a run ({one_line(error)})") from None


def _same_recipe(recipe: Recipe, found: object, path: Path) -> None:
    wanted = _fields(recipe.model_dump(mode="json"))
    present = _fields(found)
    if "data.tick_ms" in wanted.keys() - present.keys():
        warnings.warn(
            f"{path}: has no data.tick_ms: this run began with spikes on the edge of a bin, or "
            "close to it, one bin earlier than now; start a new run if that matters",
            DataWarning,
            stacklevel=2,
        )
    with suppress(RecipeError):  # with the defaults of what it does not name
        present = _fields(parse_recipe(found).model_dump(mode="json"))
    for field in sorted(wanted.keys() | present.keys()):
        if wanted.get(field) != present.get(field):
            raise RecipeError(
                f"{one_line(field)} = {short_repr(wanted.get(field))}: the run to resume has "
                f"{short_repr(present.get(field))} ({path}); resume needs the same recipe"
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
    recipe: Recipe,
    network: QATNetwork,
    test: Samples,
    data: Data,
    history: list[Metrics],
    folder: Path,
) -> IntegerNetwork:
    """Freeze a network and check that it scores as the trained one."""
    frozen = freeze(network, name=recipe.name, labels=data.labels)
    expected = golden.run(frozen, test)
    differences = compare(expected, network.outputs(test))
    if differences:
        raise AssertionError(f"the trained network is not the frozen one: {differences[0]}")
    accuracy = expected.accuracy(test)
    trained = history[-1].test_accuracy
    if abs(accuracy - trained) > 1e-9:  # both count right labels
        raise RfssmError(
            f"{folder}: its network scored {trained:.4f} after training and {accuracy:.4f} now: "
            f"{_difference(folder / CHECKPOINT)}; start a new run"
        )
    provenance = {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "epochs": len(history),
        "test_accuracy": accuracy,
        "test_samples": len(test),
    }
    return frozen.model_copy(update={"provenance": provenance})


def _difference(checkpoint: Path) -> str:
    """Return the likely reason why the network of a checkpoint scores otherwise than it did."""
    then, now = kept(checkpoint, "rfssm"), version("rfssm")
    if not isinstance(then, str):
        return f"{CHECKPOINT} does not say which version of rfssm wrote it"
    if then != now:
        return f"another version of rfssm trained it, {one_line(then)}, and this is {now}"
    return f"{CHECKPOINT} was changed, or another processor rounds its weights otherwise"


def _reachable_bits(recipe: Recipe, network: IntegerNetwork) -> tuple[int, ...]:
    """Return the reachable bits of each layer, and assert the widths that the recipe proves."""
    reachable = tuple(reachable_range(network, i).bits for i in range(len(network.all_layers)))
    assert recipe.quantization is not None
    proved = [recipe.quantization.proved] * len(network.layers)
    proved.append(recipe.quantization.readout.proved)
    for i, (layer, bits) in enumerate(zip(network.all_layers, reachable, strict=True)):
        if proved[i] and bits > layer.state_bits:
            raise AssertionError(f"layers[{i}]: reaches {bits} bits of {layer.state_bits}")
    return reachable


@torch.no_grad()
def _plot(
    folder: Path,
    network: QATNetwork | FloatNetwork,
    start: list[torch.Tensor],
    test: Samples,
    history: list[Metrics],
) -> None:
    """Draw the three pictures of a run."""
    plots.curves(folder / "curves.png", history)
    length = int(test.steps[0])
    x = torch.from_numpy(test.x[:1, :length]).float()
    activity = network.run(x, torch.from_numpy(test.steps[:1]))
    title = "test sample 0"
    if test.labels is not None and test.labels.ndim == 1:
        found = int(activity.logits.argmax(-1))
        title += f", class {test.labels[0]}, recognised as {found}"
    plots.raster(
        folder / "raster.png",
        test.x[0, :length],
        [spikes[0].numpy() > 0 for spikes in activity.spikes],
        title,
    )
    real = [plots.eigenvalue(layer.cell.transition()) for layer in network.spiking()]
    quantized = real
    if isinstance(network, QATNetwork):
        quantized = [plots.eigenvalue(layer.integers().transition) for layer in network.spiking()]
    plots.eigenvalues(
        folder / "eigenvalues.png", [plots.eigenvalue(t) for t in start], real, quantized
    )
