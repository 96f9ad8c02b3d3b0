"""One door to training: every data set that gets through is one, whoever made it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rfssm.errors import DataError
from rfssm.model.data import Data, DataWarning, Epoch, Split

X = (np.random.default_rng(0).random((6, 5, 4)) < 0.5).astype(np.uint8)
STEPS = np.array([5, 1, 5, 3, 2, 5])
LABELS = np.array([0, 1, 2, 0, 1, 2])
OF_STEPS = np.random.default_rng(1).integers(0, 3, (6, 5))


def split(x: Any = X, steps: Any = STEPS, labels: Any = LABELS) -> Split:
    return Split(x, steps, labels)


def own(train: Split, bits: int = 1, **fields: Any) -> Data:
    return Data(bits, 0, fields.pop("steps_max", 5), ("a", "b", "c"), train, train, **fields)


def changed(array: Any, place: Any, value: Any) -> Any:
    array = np.array(array)
    array[place] = value
    return array


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "real x": (lambda: split(X * 0.7), r"x: dtype float64, must be integers \(x\[.*\] = 0\.7"),
    "x of nan": (lambda: split(changed(X.astype("f4"), (2, 0, 0), np.nan)), r"x\[2, 0, 0\] = nan"),
    "whole numbers": (lambda: split(X * 1.0), r"x: dtype float64, .* \(each of its values is one"),
    "x of text": (lambda: split(X.astype(str)), r"x: dtype <U3, must be integers"),
    "x of objects": (lambda: split(X.astype(object)), "x: dtype object, must be integers"),
    "x of one sample": (lambda: split(X[0]), "x: 2 dimensions, must be 3"),
    "x beyond 64 bits": (lambda: split(changed(X.astype("u8"), (0, 0, 0), 2**63)), "x: holds 922"),
    "no step": (lambda: split(steps=changed(STEPS, 2, 0)), r"steps\[2\] = 0: .*between 1 and 5"),
    "steps below 0": (lambda: split(steps=-STEPS), r"steps\[0\] = -5: must be between 1 and 5"),
    "many steps": (lambda: split(steps=changed(STEPS, 3, 6)), r"steps\[3\] = 6: .* x has 5 steps"),
    "few lengths": (lambda: split(steps=STEPS[:5]), "steps: 5 entries, must be 6"),
    "real steps": (lambda: split(steps=STEPS / 2), r"steps: dtype float64, .*\[0\] = 2\.5\)"),
    "few labels": (lambda: split(labels=LABELS[:5]), r"labels: shape \[5\], must be \[6\] or"),
    "one-hot": (lambda: split(labels=np.eye(3, dtype=int)[LABELS]), r"labels: shape \[6, 3\]"),
    "a column": (lambda: split(labels=LABELS[:, None]), r"labels: shape \[6, 1\], must be"),
    "real labels": (lambda: split(labels=LABELS + 0.5), r"labels: dtype float64.*\[0\] = 0\.5"),
    "labels of nan": (
        lambda: split(labels=changed(LABELS * 1.0, 4, np.nan)), r"labels: .*labels\[4\] = nan"
    ),
    "labels of text": (lambda: split(labels=LABELS.astype(str)), r"labels: dtype <U21, must be"),
    "ragged x": (lambda: split(x=[[[1], [0, 1]]]), "x: must be an array"),
    "ragged labels": (lambda: split(labels=[[0], [1, 2]]), "labels: must be an array"),
    "no labels": (lambda: split(labels=None), "labels: dtype object, must be integers"),
    "batches": (lambda: Epoch(split(), 2, 6, None, 0, 0), r"labels\[2\] = 2: .* 2 classes"),
    "masked": (lambda: split(x=np.ma.array(X)), "x: a masked array, must be a plain one"),
    "masked steps": (lambda: split(steps=np.ma.array(STEPS)), "steps: a masked array"),
    "masked labels": (lambda: split(labels=np.ma.array(LABELS)), "labels: a masked array"),
    "yes or no steps": (lambda: split(steps=STEPS > 0), "steps: dtype bool, must be integers"),
    "yes or no": (lambda: split(labels=LABELS > 0), "labels: dtype bool, must be integers"),
    "label -1": (
        lambda: own(split(labels=changed(LABELS, 3, -1))),
        r"train: labels\[3\] = -1: must be between 0 and 2: 3 classes, counted from 0",
    ),
    "from 1": (lambda: own(split(labels=LABELS + 1)), r"train: labels\[2\] = 3: .*between 0 and 2"),
    "label of a step": (
        lambda: own(split(labels=changed(OF_STEPS, (3, 2), 9))), r"train: labels\[3, 2\] = 9: must"
    ),
    "5 in one bit": (
        lambda: own(split(changed(X, (4, 1, 2), 5))),
        r"train: x\[4, 1, 2\] = 5: must be between 0 and 1 \(1-bit unsigned words\)",
    ),
    "200 in one bit": (lambda: own(split(X * 200)), r"train: x\[.*\] = 200: must be .* 0 and 1"),
    "256 in 8 bits": (
        lambda: own(split(changed(X.astype(int), (0, 0, 0), 256)), bits=8), "must be .* 0 and 255"
    ),
    "-1 unsigned": (lambda: own(split(X.astype("i1") * -1)), r"= -1: must be between 0 and 1 "),
    "1 signed": (lambda: own(split(), signed=True), r"= 1: must be .* -1 and 0 \(1-bit signed"),
    "longer": (lambda: own(split(), steps_max=4), r"train: steps\[0\] = 5: .* 4 \(steps_max\)"),
    "no sample": (lambda: own(split().take(slice(0, 0))), "train: holds no sample"),
    "no test": (
        lambda: replace(own(split()), test=split().take(slice(0, 0))), "test: holds no sample"
    ),
    "no channel": (lambda: own(split(X[..., :0])), "train: channels = 0: must be between 1"),
    "other channels": (
        lambda: replace(own(split()), test=split(X[..., :3])), "test: x: 3 channels, train has 4"
    ),
    "other labels": (
        lambda: replace(own(split()), valid=split(labels=OF_STEPS)), "valid: labels: of steps here"
    ),
    "17 bits": (lambda: own(split(), bits=17), "bits = 17: must be between 1 and 16"),
    "half a bit": (lambda: replace(own(split()), bits=1.5), r"bits: dtype float64.*bits = 1\.5"),
    "no step at most": (lambda: own(split(), steps_max=0), "steps_max = 0: must be between 1 and"),
    "names in one text": (lambda: replace(own(split()), labels="abc"), "labels = 'abc': must be"),
    "one class": (lambda: replace(own(split()), labels=("a",)), r"labels = \('a',\): must be 2 to"),
    "names of numbers": (lambda: replace(own(split()), labels=(1, 2, 3)), "must be .* names"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_data_set_is_refused_where_it_is_made(case: str) -> None:
    make, message = REFUSED[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no cast of NaN on the way
        with pytest.raises(DataError, match=message):
            make()


@pytest.mark.parametrize(
    "x",
    [
        X.astype(bool), X.astype(">i2"), X.astype(np.int64), X.astype(np.uint64), X.astype("i1"),
        np.asfortranarray(X), np.ascontiguousarray(X.transpose(1, 0, 2)).transpose(1, 0, 2),
        np.repeat(X, 2, axis=0)[::2], X[:, ::-1].copy()[:, ::-1],
    ],
)  # fmt: skip
def test_the_same_values_are_the_same_data(x: np.ndarray) -> None:
    plain = own(split())
    other = own(Split(x, STEPS.astype(">i4"), LABELS.astype(np.uint8)))
    other = replace(other, labels=np.array(["a", "b", "c"]), bits=np.int64(1))
    assert other.digests() == plain.digests()
    assert other.train.x.dtype == np.uint8
    assert other.train.x.flags.c_contiguous
    assert np.array_equal(other.train.x, X)
    assert other.train.labels.dtype == other.train.steps.dtype == np.int64


@pytest.mark.parametrize(
    ("bits", "signed", "low", "high", "dtype"),
    [
        (1, False, 0, 1, "u1"), (1, True, -1, 0, "i1"), (8, False, 0, 255, "u1"),
        (8, True, -128, 127, "i1"), (9, True, -256, 255, "i2"), (16, False, 0, 65535, "u2"),
    ],
)  # fmt: skip
def test_both_ends_of_every_width_are_kept(
    bits: int, signed: bool, low: int, high: int, dtype: str
) -> None:
    x = np.array([[[low, high]]])
    data = own(Split(x, np.array([1]), np.array([0])), bits=bits, signed=signed)
    assert data.train.x.dtype == dtype
    assert data.train.x.tolist() == x.tolist()


def test_labels_of_no_step_are_0() -> None:
    """Other projects mark them with -1."""
    live = np.arange(5) < STEPS[:, None]
    data = own(split(labels=np.where(live, OF_STEPS, -1)))
    assert np.array_equal(data.train.labels, np.where(live, OF_STEPS, 0))


def test_classes_and_inputs_that_are_not_there_are_told() -> None:
    own(split()).warn()  # nothing
    with pytest.warns(DataWarning, match=r"train: no label is class 0 \('a'\), 2 \('c'\);"):
        own(split(labels=np.ones(6, int))).warn()
    only_padding = np.where(STEPS == 1, 2, 0)[:, None] * np.eye(5, dtype=int)[4]
    with pytest.warns(DataWarning, match=r"train: no label is class 2 \('c'\);"):
        own(split(labels=only_padding + np.array([0, 1, 0, 0, 0]))).warn()
    silent = changed(X * 0, (1, 4), 1)  # beyond the end of sample 1
    with pytest.warns(DataWarning, match="test: no input arrives, all 6 samples are 0"):
        replace(own(split()), test=split(silent)).warn()


def test_the_example_of_the_documentation_is_a_data_set() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "howto" / "training.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    assert (len(names["data"].train), len(names["data"].test)) == (16, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        names["data"].warn()


def test_a_digest_knows_values_and_their_order() -> None:
    data = own(split())
    order = np.array([1, 0, 2, 3, 4, 5])
    for name, other in {
        "train": replace(data, train=data.train.take(order)),
        "test": replace(data, test=split(changed(X, (0, 0, 0), 1 - X[0, 0, 0]))),
        "valid": replace(data, valid=data.test),
        "classes": replace(data, labels=("a", "c", "b")),
        "words": replace(data, frac=1),
    }.items():
        ours, theirs = data.digests(), other.digests()
        assert {part for part in theirs if ours.get(part) != theirs[part]} == {name}
