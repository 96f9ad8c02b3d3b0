"""Draw the accuracy under soft errors."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from rfssm.files import write_atomically
from rfssm.hls.engines.soft_errors import SoftErrors

WORDS = {
    "states": "upsets per bit of the states and sample",
    "weights": "share of the weights' bits that are wrong",
}
COLOURS = {"states": "#2166ac", "weights": "#d6604d"}
GREY = "#999999"
Z = 1.959963984540054
"""The number of standard deviations that hold 95 % of the normal distribution."""


def draw(results: Sequence[SoftErrors], path: Path) -> None:
    """Write a PNG: accuracy against rate, or without labels the share of unchanged labels.

    The bars are 95 % intervals of Wilson's score.
    """
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axis = figure.subplots()
    for result in results:
        points = [(r.rate, _share(r.accuracy, r.changed)) for r in result.runs if r.rate > 0]
        rates, shares = [rate for rate, _ in points], [share for _, share in points]
        bars = [_interval(share, result.labels) for share in shares]
        below = [share - low for share, (low, _) in zip(shares, bars, strict=True)]
        above = [high - share for share, (_, high) in zip(shares, bars, strict=True)]
        axis.errorbar(
            rates,
            shares,
            yerr=(below, above),
            fmt="o-",
            capsize=3,
            color=COLOURS[result.memory],
            label=f"{WORDS[result.memory]} ({result.bits:,} bits)",
        )
        whole = _share(result.accuracy, 0.0)
        axis.axhline(whole, color=GREY, linewidth=1, linestyle="--")
    axis.set_xscale("log")
    axis.set_xlabel("rate")
    known = results[0].accuracy is not None
    axis.set_ylabel("accuracy" if known else "labels unchanged")
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axis.grid(visible=True, which="major", color=GREY, alpha=0.3)
    axis.legend(loc="lower left", fontsize="small")
    figure.suptitle(f"{results[0].network}: soft errors, {results[0].samples} samples")
    stream = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(stream, format="png", dpi=150)
    write_atomically(path, stream.getvalue())


def _share(accuracy: float | None, changed: float) -> float:
    return 1 - changed if accuracy is None else accuracy


def _interval(share: float, count: int) -> tuple[float, float]:
    """Return Wilson's interval (p + h/2 -+ sqrt(h p (1 - p) + h^2/4)) / (1 + h), h = z^2/count."""
    p = round(share * count) / count
    h = Z**2 / count
    half = math.sqrt(h * p * (1 - p) + h**2 / 4)
    return min((p + h / 2 - half) / (1 + h), share), max((p + h / 2 + half) / (1 + h), share)
