"""The input and output of engines: arrays in ``.npz`` files, and their comparison."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from rfssm.arrays import (
    check_classes,
    check_range,
    check_samples,
    class_numbers,
    integers,
    read_npz,
)
from rfssm.errors import SamplesError, check_kind
from rfssm.files import write_atomically
from rfssm.quant.arithmetic import Bools, Integers
from rfssm.quant.layers import InputSpec
from rfssm.quant.network import IntegerNetwork, check_network

TEST = "test.npz"
"""Name of the file that holds the test samples of a run."""
LAYER_ARRAYS = ("spikes", "u", "v")
"""Names of arrays in an output file, each followed by a dot and the layer's number."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Input of an engine: B samples of up to T steps, zero-padded.

    x         integers                                    [B, T, C]
    steps     steps of each sample, 1 or more             [B]
    labels    class of each sample, or of each step       [B] or [B, T]
    """

    x: Integers
    steps: Integers
    labels: Integers | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", _integers("x", self.x, 3))
        object.__setattr__(self, "steps", _integers("steps", self.steps, 1))
        if self.labels is not None:
            labels = class_numbers(self.labels, SamplesError)
            object.__setattr__(self, "labels", np.ascontiguousarray(labels))
        check_samples(self.x, self.steps, self.labels, SamplesError)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, chosen: SupportsIndex | slice) -> Samples:
        """Return the samples of a slice, or the one with this number."""
        if not isinstance(chosen, slice):
            i = range(len(self))[chosen]  # IndexError beyond the last, which ends a for loop
            chosen = slice(i, i + 1)
        labels = None if self.labels is None else self.labels[chosen]
        return Samples(self.x[chosen], self.steps[chosen], labels)

    @classmethod
    def load(cls, path: Path | str) -> Samples:
        """Read ``x``, ``steps`` (all of x's if absent) and ``labels`` (optional) of an ``.npz``."""
        names = ("x", "steps", "labels")
        arrays = read_npz(Path(path), ["x"], names.__contains__, SamplesError)
        x = arrays["x"]
        if x.ndim != 3:
            raise SamplesError(
                f"{path}: x has shape {list(x.shape)}, must be [samples, steps, channels]"
            )
        steps = arrays.get("steps", np.full(len(x), x.shape[1], dtype=np.int64))
        try:
            return cls(x, steps, arrays.get("labels"))
        except SamplesError as error:
            raise SamplesError(f"{path}: {error}") from None

    def save(self, path: Path | str) -> None:
        """Write an ``.npz``: complete or not at all."""
        arrays: dict[str, Any] = {"x": self.x, "steps": self.steps}
        if self.labels is not None:
            arrays["labels"] = self.labels
        _write_npz(Path(path), arrays)

    @classmethod
    def random(
        cls, network: IntegerNetwork, count: int, seed: int, *, steps: int | None = None
    ) -> Samples:
        """Draw samples over the network's input range, of random length and density."""
        check_network(network)
        for what, number in (("count", count), ("steps", 1 if steps is None else steps)):
            check_range(what, integers(what, number, 0, SamplesError), 1, 1 << 31, SamplesError)
        rng = np.random.default_rng(seed)
        spec = network.input
        longest = min(spec.steps_max, steps or spec.steps_max)
        x = rng.integers(spec.low, spec.high + 1, (count, longest, spec.channels))
        x *= rng.random(x.shape) < rng.random((count, 1, 1))
        lengths = rng.integers(1, longest + 1, count)
        x[np.arange(longest) >= lengths[:, None]] = 0
        return cls(x, lengths)

    def check(self, network: IntegerNetwork) -> None:
        """Raise SamplesError for samples that the network cannot take."""
        check_network(network)
        self.check_input(network.input, f"network {network.name!r}")
        if self.labels is not None:
            check_classes(self.labels, self.steps, network.readout.classes, SamplesError)

    def check_input(self, spec: InputSpec, whose: str) -> None:
        """Raise SamplesError for samples outside the declared input.

        whose    owner of the number of channels, for the message
        """
        if len(self) == 0:
            raise SamplesError("x: no samples")
        if self.x.shape[2] != spec.channels:
            raise SamplesError(f"x: {self.x.shape[2]} channels, {whose} has {spec.channels}")
        limit = spec.steps_max
        check_range("steps", self.steps, 1, limit, SamplesError, f" (steps_max = {limit})")
        sign = "signed" if spec.signed else "unsigned"
        words = f" ({spec.bits}-bit {sign} input)"
        check_range("x", self.x, spec.low, spec.high, SamplesError, words)


@dataclass(frozen=True, eq=False)
class Outputs:
    """Output of an engine; everything is zero beyond a sample's last step.

    scores    one row per sample; with score ``each``, per step    [B, C] or [B, T, C]
    label     argmax of the scores, lowest index wins              [B] or [B, T]
    spikes    of each spiking layer, before a skip is added        [B, T, N] each
    u, v      states after each step                               [B, T, N] each
    """

    scores: Integers
    label: Integers
    spikes: tuple[Bools, ...] | None = None
    u: tuple[Integers, ...] | None = None
    v: tuple[Integers, ...] | None = None

    @classmethod
    def join(cls, parts: Sequence[Outputs]) -> Outputs:
        """Join the outputs of consecutive samples."""

        def joined(name: str) -> tuple[NDArray[Any], ...] | None:
            layers = [getattr(part, name) for part in parts]
            if layers[0] is None:
                return None
            return tuple(np.concatenate(arrays) for arrays in zip(*layers, strict=True))

        return cls(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.label for part in parts]),
            joined("spikes"),
            joined("u"),
            joined("v"),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays of the output file, by name."""
        arrays: dict[str, NDArray[Any]] = {"scores": self.scores, "label": self.label}
        for name in LAYER_ARRAYS:
            for i, array in enumerate(getattr(self, name) or ()):
                arrays[f"{name}.{i}"] = array
        return arrays

    def save(self, path: Path | str) -> None:
        """Write an ``.npz``: complete or not at all."""
        _write_npz(Path(path), self.arrays())

    @classmethod
    def load(cls, path: Path | str) -> Outputs:
        """Read an output file.  Raises SamplesError, naming the file."""
        arrays = read_npz(Path(path), ["scores", "label"], _is_output, SamplesError)
        counts = [sum(key.startswith(f"{name}.") for key in arrays) for name in LAYER_ARRAYS]
        batch, dimensions = arrays["scores"].shape[:1], {"scores": (2, 3), "label": (1, 2)}
        for key, array in arrays.items():
            kinds = "b" if key.startswith("spikes") else "iu"
            if (
                array.dtype.kind not in kinds
                or array.ndim not in dimensions.get(key, (3,))
                or array.shape[:1] != batch
            ):
                raise SamplesError(
                    f"{path}: {key}: {array.dtype} of shape {list(array.shape)}: not the output "
                    f"of an engine beside scores of shape {list(arrays['scores'].shape)}"
                )

        def layers(name: str, count: int) -> tuple[NDArray[Any], ...] | None:
            for i in range(count):
                if f"{name}.{i}" not in arrays:
                    raise SamplesError(f"{path}: has no array '{name}.{i}'")
            return tuple(arrays[f"{name}.{i}"] for i in range(count)) if count else None

        return cls(arrays["scores"], arrays["label"], *map(layers, LAYER_ARRAYS, counts))

    def accuracy(self, samples: Samples) -> float:
        """Share of right labels, per sample or per step.  Raises SamplesError without labels."""
        if samples.labels is None:
            raise SamplesError("labels: missing, accuracy needs them")
        if len(samples) != len(self.label) or not len(samples):
            raise SamplesError(f"{len(samples)} samples, but outputs of {len(self.label)}")
        if self.label.ndim == 1:
            if samples.labels.ndim != 1:
                raise SamplesError("labels: one per step, but the network scores whole samples")
            return float((self.label == samples.labels).mean())
        labels = samples.labels if samples.labels.ndim == 2 else samples.labels[:, None]
        live = np.arange(self.label.shape[1]) < samples.steps[:, None]
        return float((self.label == labels)[live].mean())


def check_call(network: IntegerNetwork, samples: Samples) -> None:
    """Raise an error unless an engine can run this network on these samples.

    Raises NetworkError or SamplesError.
    """
    way = "Samples.load reads a file, Samples(x, steps) takes arrays"
    check_kind("samples", samples, Samples, way, SamplesError)
    samples.check(network)


@dataclass(frozen=True)
class Difference:
    """The first place at which two engines disagree in one array."""

    key: str
    count: int
    index: tuple[int, ...]
    expected: Any
    got: Any

    def __str__(self) -> str:
        if not self.index:
            return f"{self.key}: expected {self.expected}, got {self.got}"
        place = ", ".join(map(str, self.index))
        return (
            f"{self.key}[{place}]: expected {self.expected}, got {self.got} "
            f"({self.count} {'value differs' if self.count == 1 else 'values differ'})"
        )


def compare(expected: Outputs, got: Outputs) -> list[Difference]:
    """Compare two engines key by key, with ``==``; an empty list means that they agree."""
    differences = []
    left, right = expected.arrays(), got.arrays()
    for key in sorted(left.keys() | right.keys()):
        if key not in left or key not in right:
            present = ["absent", "present"]
            differences.append(Difference(key, 1, (), present[key in left], present[key in right]))
        elif left[key].shape != right[key].shape:
            differences.append(
                Difference(key, 1, (), f"shape {left[key].shape}", f"{right[key].shape}")
            )
        elif (wrong := left[key] != right[key]).any():
            at = tuple(int(k) for k in np.argwhere(wrong)[0])
            differences.append(
                Difference(key, int(wrong.sum()), at, left[key][at].item(), right[key][at].item())
            )
    return differences


def _integers(name: str, array: NDArray[Any], dimensions: int) -> Integers:
    whole = integers(name, array, dimensions, SamplesError, bits=name == "x")
    return np.ascontiguousarray(whole, dtype=np.int64)


def _is_output(name: str) -> bool:
    return name in ("scores", "label") or bool(re.fullmatch(r"(spikes|u|v)\.\d+", name))


def _write_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())
