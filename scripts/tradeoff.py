"""Draw latency, rate and area of one network over all lanes, by the estimate."""

from __future__ import annotations

import io
from collections import defaultdict
from pathlib import Path

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from rfssm.files import write_atomically
from rfssm.hls.design import Design
from rfssm.hls.estimate.cycle_model import Activity
from rfssm.hls.estimate.estimate import Estimate, estimate
from rfssm.hls.estimate.fit import fits, sensible_lanes

RED, GREY = "#d6604d", "#999999"


def draw(chosen: Estimate, activity: Activity, path: Path) -> None:
    """Write a PNG: each panel over the synapse lanes, one line for each number of neuron lanes.

    chosen    estimate whose network, target and speed grade are drawn and whose lanes are marked
    """
    design, target = chosen.design, chosen.target
    lines: dict[int, list[tuple[int, Estimate]]] = defaultdict(list)
    for lanes in sensible_lanes(
        max(layer.outputs for layer in design.network.layers or [design.network.readout])
    ):
        one = estimate(Design.of(design.network, lanes), target, activity, speed=chosen.speed)
        lines[lanes.neuron].append((lanes.synapse, one))
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    latency, rate, area = figure.subplots(1, 3)
    colours = colormaps["viridis_r"]
    for k, (neuron, points) in enumerate(sorted(lines.items())):
        colour = colours(0.15 + 0.85 * k / max(1, len(lines) - 1))
        label = f"{neuron} neuron lane{'s' if neuron > 1 else ''}"
        _line(latency, [(s, e.latency_us, fits(e)) for s, e in points], colour, label)
        _line(rate, [(s, e.samples_per_second, fits(e)) for s, e in points], colour, label)
        _line(area, [(s, _logic(e), fits(e)) for s, e in points], colour, label)
    synapse = max(lanes.synapse for lanes in design.lanes)
    for axis, value in (
        (latency, chosen.latency_us),
        (rate, chosen.samples_per_second),
        (area, _logic(chosen)),
    ):
        axis.plot(synapse, value, "*", color=RED, markersize=14, zorder=5, label="these lanes")
        axis.set_xscale("log", base=2)
        axis.set_xlabel("synapse lanes")
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axis.set_yscale("log")
        axis.grid(visible=True, which="major", color=GREY, alpha=0.3)
    plain = FuncFormatter(lambda y, _: f"{y:,g}")
    latency.set_title("latency of a sample (us)", loc="left")
    rate.set_title("samples per second", loc="left")
    area.set_title(f"look-up tables of {target.name}", loc="left")
    for axis in (latency, rate):
        axis.yaxis.set_major_formatter(plain)
    for formatter in (area.yaxis.set_major_formatter, area.yaxis.set_minor_formatter):
        formatter(PercentFormatter(1.0, decimals=0))
    area.legend(loc="upper left", fontsize="small")
    title = f"{design.network.name} on {target.name}, speed {chosen.speed}, estimated"
    if not all(fits(one) for points in lines.values() for _, one in points):
        title += "; hollow: does not fit"
    figure.suptitle(title, parse_math=False)
    stream = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(stream, format="png", dpi=150)
    write_atomically(path, stream.getvalue())


def _line(
    axis: Axes, points: list[tuple[int, float, bool]], colour: tuple[float, ...], label: str
) -> None:
    axis.plot(
        [x for x, _, _ in points], [y for _, y, _ in points], "-", color=colour, linewidth=1.5
    )
    for x, y, good in points:
        axis.plot(
            x, y, "o", color=colour, markerfacecolor=colour if good else "white", markersize=5
        )
    axis.plot([], [], "o-", color=colour, label=label)


def _logic(one: Estimate) -> float:
    """Return the share of the device's look-up tables."""
    logic = one.target.logic
    assert logic is not None
    return one.needs[logic.name] / logic.count
