"""Pictures of a training run, as PNG files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from rfssm.files import write_atomically
from rfssm.model.training.checkpoint import Metrics

BLUE, ORANGE, GREY = "#2166ac", "#d6604d", "#999999"


def curves(path: Path, history: Sequence[Metrics]) -> None:
    """Loss and accuracy over the epochs."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    epochs = [m.epoch + 1 for m in history]
    loss.plot(epochs, [m.loss for m in history], color=BLUE)
    loss.set(xlabel="epoch", ylabel="training loss (cross entropy)", yscale="log")
    accuracy.plot(epochs, [m.train_accuracy for m in history], color=BLUE, label="training")
    valid = [m.valid_accuracy for m in history if m.valid_accuracy is not None]
    if valid:
        accuracy.plot(epochs, valid, color=GREY, label="validation")
    accuracy.plot(epochs, [m.test_accuracy for m in history], color=ORANGE, label="test")
    accuracy.set(xlabel="epoch", ylabel="accuracy", ylim=(None, 1.005))
    accuracy.legend(loc="lower right")
    _save(figure, path)


def raster(
    path: Path, x: NDArray[np.int64], spikes: Sequence[NDArray[np.bool_]], title: str
) -> None:
    """One sample: its input (T, C), bars if it has one channel, and each layer's spikes (T, N)."""
    figure = Figure(figsize=(8, 2 + 1.8 * len(spikes)), layout="constrained")
    axes = figure.subplots(len(spikes) + 1, 1, sharex=True, squeeze=False)[:, 0]
    for i, (axis, events) in enumerate(zip(axes, [x != 0, *spikes], strict=True)):
        if i == 0 and x.shape[1] == 1:
            axis.bar(np.arange(len(x)), x[:, 0], color=GREY)
            axis.set(ylabel="input")
            continue
        t, n = np.nonzero(events)
        axis.scatter(t, n, s=4, marker="|", color=BLUE if i else GREY, linewidths=1)
        axis.set(ylabel=f"layer {i}" if i else "input", ylim=(-0.5, events.shape[1] - 0.5))
        axis.text(1.0, 1.01, f"{events.mean():.1%} active", transform=axis.transAxes, ha="right")
    axes[0].set_title(title, loc="left")
    axes[-1].set(xlabel="step", xlim=(-1, len(x)))
    _save(figure, path)


def eigenvalue(transition: Tensor) -> NDArray[np.complex128]:
    """Both eigenvalues of each matrix.    (N, 2, 2) -> (2 N,)"""
    values: NDArray[np.complex128] = np.linalg.eigvals(transition.detach().double().numpy()).ravel()
    return values


def eigenvalues(
    path: Path,
    start: Sequence[NDArray[np.complex128]],
    trained: Sequence[NDArray[np.complex128]],
    quantised: Sequence[NDArray[np.complex128]],
) -> None:
    """Eigenvalues of each layer in the unit circle: at the start, trained, as integers."""
    figure = Figure(figsize=(4.2 * len(start), 4.6), layout="constrained")
    axes = figure.subplots(1, len(start), squeeze=False)[0]
    turn = np.exp(2j * np.pi * np.linspace(0, 1, 361))
    for i, axis in enumerate(axes):
        axis.plot(turn.real, turn.imag, color=GREY, linewidth=0.8)
        axis.scatter(start[i].real, start[i].imag, s=8, color=GREY, label="at the start")
        axis.scatter(
            trained[i].real, trained[i].imag, s=40, facecolors="none", edgecolors=BLUE,
            linewidths=0.8, label="trained, before quantisation",
        )  # fmt: skip
        axis.scatter(
            quantised[i].real, quantised[i].imag, s=10, marker="+", color=ORANGE, linewidths=1,
            label="after quantisation",
        )  # fmt: skip
        axis.set(title=f"layer {i + 1}", aspect="equal", xlabel="real part")
    axes[0].set_ylabel("imaginary part")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=130)
    write_atomically(path, picture.getvalue())
