"""Compare netlists of trained networks with the golden model, for all recipes and families.

    make netlists

A recipe's network is trained for a few epochs on some of its data, frozen, and synthesised for each
family; the netlist is simulated on test samples, and every spike, state and score is compared with
``==``.  Networks that do not fit any device are synthesised, too: cells are compared, not sizes.

Networks, samples and results are kept in the folder, so that an interrupted run continues; a result
is valid as long as netlist, models of cells and samples are the same.  The exit status is 1 if a
netlist differs or fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
from rich.console import Console
from rich.table import Table

from rfssm.errors import RfssmError
from rfssm.files import write_atomically
from rfssm.hls.design import Design, Lanes
from rfssm.hls.engines import netlist
from rfssm.model import data as datasets
from rfssm.model.data import Split, files
from rfssm.model.training.loop import fit
from rfssm.model.training.settings import reproducible
from rfssm.quant import golden
from rfssm.quant.freeze import freeze
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.qat import QATNetwork
from rfssm.quant.recipe import Recipe
from rfssm.quant.recipes import load_recipe, recipe_names
from rfssm.quant.run import build, test_samples
from rfssm.quant.samples import Outputs, Samples, compare

FAMILIES = tuple(cells for cells in netlist.CELLS if cells != "generic")
SAMPLES = 20
STEPS = 250
"""The steps of a sample in training and in simulation, at most."""
TRAINED_ON = 256
SHORT = ("training.epochs=3", "training.batch=16", "training.devices=1", "training.accelerator=cpu")
FOLDER = Path(__file__).resolve().parents[1] / "runs" / "netlists"


@dataclass(frozen=True)
class Result:
    """The result of a recipe in a family.

    key           digest of everything on which the result depends
    data          data on which the network was trained
    rates         spikes per neuron and step of each layer, on the samples
    lanes         synapse and neuron lanes of every layer
    compared      number of spikes, states, scores and labels
    differences   output of ``compare``, empty if everything is equal
    """

    key: str
    recipe: str
    family: str
    data: str
    neurons: tuple[int, ...]
    rates: tuple[float, ...]
    lanes: tuple[int, int]
    compared: int
    differences: tuple[str, ...]
    seconds: float


def main() -> int:
    """Run what has not been run yet, and show all results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipes", nargs="*", help="names of recipes; all if absent")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for networks and results")
    given = parser.parse_args()
    recipes = [load_recipe(name) for name in given.recipes or recipe_names()]
    results: list[Result] = []
    failed = False
    for recipe in sorted(recipes, key=weights):
        for family in given.families:
            print(f"{recipe.name} in {family} ...", file=sys.stderr, flush=True)
            try:
                results.append(result_of(recipe.name, family, given.folder))
            except RfssmError as error:
                print(f"    failed: {error}", file=sys.stderr, flush=True)
                failed = True
            else:
                print(f"    {outcome(results[-1])}", file=sys.stderr, flush=True)
    show(results)
    return int(failed or any(result.differences for result in results))


def weights(recipe: Recipe) -> int:
    """Return about the number of weights between spiking layers, a measure of a network's time."""
    neurons = recipe.network.neurons
    return sum(a * b for a, b in pairwise([1, *neurons]))


# -- networks --------------------------------------------------------------------------------------


def trained(recipe: Recipe) -> tuple[IntegerNetwork, Samples]:
    """Return a briefly trained network of the recipe's shape and formats, and its test samples.

    Raises RfssmError if a layer never spikes: such a network would not test anything.
    """
    whole = datasets.load(recipe.data)
    data = replace(
        whole, train=some(whole.train, TRAINED_ON), test=some(whole.test, SAMPLES), valid=None
    )
    with reproducible(), TemporaryDirectory() as folder:
        network = build(recipe, data)
        assert isinstance(network, QATNetwork)
        fit(
            network,
            data,
            recipe.training,
            seed=recipe.seed,
            folder=Path(folder),
            progress=False,
        )
        network.eval()
        frozen = freeze(network, name=recipe.name, labels=data.labels)
    samples = test_samples(data)
    if not all(spike_rates(golden.run(frozen, samples, spikes=True), samples)):
        raise RfssmError(f"{recipe.name}: a layer of the trained network never spikes")
    return frozen, samples


def some(split: Split, count: int) -> Split:
    """Return ``count`` samples, always the same ones, each cut after STEPS steps."""
    chosen = split.take(np.random.default_rng(1).permutation(len(split))[:count])
    labels = chosen.labels if chosen.labels.ndim == 1 else chosen.labels[:, :STEPS]
    return Split(chosen.x[:, :STEPS], np.minimum(chosen.steps, STEPS), labels)


def spike_rates(outputs: Outputs, samples: Samples) -> tuple[float, ...]:
    """Return the spikes per neuron and step of each layer."""
    assert outputs.spikes is not None
    steps = int(samples.steps.sum())
    return tuple(float(layer.sum()) / (steps * layer.shape[2]) for layer in outputs.spikes)


def kept(name: str, folder: Path) -> tuple[str, IntegerNetwork, Samples]:
    """Return a recipe's data in words, its network and samples; train the network if necessary."""
    network, samples, data = (folder / name / file for file in ("n.safetensors", "x.npz", "data"))
    if not data.exists():
        (folder / name).mkdir(parents=True, exist_ok=True)
        words, overrides = data_of(load_recipe(name), folder)
        made = trained(load_recipe(name, (*SHORT, *overrides)))
        made[0].save(network)
        made[1].save(samples)
        write_atomically(data, words.encode())
    return data.read_text(), IntegerNetwork.load(network), Samples.load(samples)


def data_of(recipe: Recipe, folder: Path) -> tuple[str, tuple[str, ...]]:
    """Return the data of a recipe or their stand-in, in words, and the changes of the recipe."""
    if recipe.data.set in ("shd", "ssc"):
        classes = {"shd": 20, "ssc": 35}[recipe.data.set]
        place = folder / "data"
        write_like(recipe.data.set, place, classes)
        words = f"stand-in: FSDD's spikes in {recipe.data.set.upper()}'s files, {classes} classes"
        return f"{words} of digit and speaker", (f"data.root={place}",)
    if recipe.data.set == "gsc":
        return "subset gsc3 (3 classes)", ("data.subset=gsc3",)
    return recipe.data.set, ()


def write_like(name: str, place: Path, classes: int) -> None:
    """Write FSDD's spikes as the files of SHD or SSC, where a class is a digit of some speakers."""
    (place / name.upper()).mkdir(parents=True, exist_ok=True)
    for part, source in (("train", "train"), ("test", "test"), ("valid", "test")):
        fsdd = files.find(load_recipe("fsdd").data, f"fsdd/fsdd_spikes_{source}.h5")
        file = place / name.upper() / f"{name}_{part}.h5"
        with h5py.File(fsdd) as given, h5py.File(file, "w") as made:
            label = given["labels"][:].astype(np.int64) + 10 * given["extra/speaker"][:]
            for key in ("spikes/times", "spikes/units"):
                kind = h5py.vlen_dtype(h5py.check_vlen_dtype(given[key].dtype))
                made.create_dataset(key, data=given[key][:], dtype=kind)
            made["labels"] = label % classes
            made["extra/keys"] = [f"class {k}" for k in range(classes)]


def lanes_of(network: IntegerNetwork) -> Lanes:
    """Return few lanes, for a netlist that is quick to make and slow to run."""
    widest = max(layer.neurons for layer in network.layers)
    return Lanes(4, 1) if widest <= 64 else Lanes(8, 1) if widest <= 128 else Lanes(32, 2)


# -- netlists --------------------------------------------------------------------------------------


def result_of(name: str, family: str, folder: Path) -> Result:
    """Return the folder's result for this netlist, or a new one if there is none."""
    began = time.monotonic()
    data, network, samples = kept(name, folder)
    lanes = lanes_of(network)
    sources = netlist.sources(Design.of(network, lanes, "dut"), family)
    digest = hashlib.sha256()
    for part in (*sources.values(), samples.x.tobytes(), samples.steps.tobytes()):
        digest.update(part)
    file = folder / name / f"{family}.json"
    if file.exists():
        known = json.loads(file.read_text())
        if known["key"] == digest.hexdigest():
            return Result(**{k: tuple(v) if isinstance(v, list) else v for k, v in known.items()})
    expected = golden.run(network, samples, spikes=True, states=True)
    got = netlist.run(network, samples, cells=family, spikes=True, states=True, lanes=lanes)
    neurons = tuple(layer.neurons for layer in network.layers)
    scored = expected.scores.shape[-1] + 1
    each = int(samples.steps.sum()) if expected.scores.ndim == 3 else len(samples)
    result = Result(
        key=digest.hexdigest(),
        recipe=name,
        family=family,
        data=data,
        neurons=neurons,
        rates=spike_rates(expected, samples),
        lanes=(lanes.synapse, lanes.neuron),
        compared=int(samples.steps.sum()) * 3 * sum(neurons) + each * scored,
        differences=tuple(map(str, compare(expected, got))),
        seconds=round(time.monotonic() - began, 1),
    )
    write_atomically(file, json.dumps(asdict(result), indent=1).encode())
    return result


def outcome(result: Result) -> str:
    """Return a result in words."""
    if not result.differences:
        return f"equal: {result.compared:,} values"
    return f"DIFFERS in {len(result.differences)} arrays: {result.differences[0]}"


def show(results: Sequence[Result]) -> None:
    """Print the table of results."""
    table = Table("recipe", "data", "neurons", "spikes per neuron and step", "lanes", "family", "")
    for result in results:
        table.add_row(
            result.recipe,
            result.data,
            " + ".join(map(str, result.neurons)),
            ", ".join(f"{rate:.1%}" for rate in result.rates),
            "/".join(map(str, result.lanes)),
            result.family,
            outcome(result),
        )
    Console(width=160 if not sys.stdout.isatty() else None).print(table)


if __name__ == "__main__":
    sys.exit(main())
