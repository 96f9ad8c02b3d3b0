"""Accuracy under soft errors, as tables and as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from rich.table import Table
from scipy.stats import binomtest

from rfssm.files import write_atomically
from rfssm.hls.engines.soft_errors import SoftErrors

WORDS = {
    "states": "upsets per bit of the states and sample",
    "weights": "share of the weights' bits that are wrong",
}
COLOURS = {"states": "#2166ac", "weights": "#d6604d"}
GREY = "#999999"


def upset_table(result: SoftErrors) -> Table:
    """One row per rate."""
    table = Table(title=f"{result.memory}: {result.bits:,} bits, {result.samples} samples")
    columns = ["rate", "upsets", "labels changed"]
    columns += [] if result.accuracy is None else ["accuracy"]
    for column in columns:
        table.add_column(column, justify="right")
    right = () if result.accuracy is None else (_percent(result.accuracy),)
    table.add_row("none", "0", _percent(0.0), *right)
    for run in result.runs:
        right = () if run.accuracy is None else (_percent(run.accuracy),)
        table.add_row(f"{run.rate:g}", f"{run.upsets:,}", _percent(run.changed), *right)
    return table


def draw(results: Sequence[SoftErrors], path: Path) -> None:
    """Write a PNG: accuracy against rate, or without labels the share of unchanged labels.

    Bars are the 95 % interval of Wilson's score.
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
    interval = binomtest(round(share * count), count).proportion_ci(method="wilson")
    return min(interval.low, share), max(interval.high, share)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
