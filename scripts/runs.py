"""Tabulate finished runs in Markdown, with one row per recipe for all its seeds."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from rfssm.errors import RfssmError, one_line, printable
from rfssm.quant.recipe import LARGEST_FILE, SUMMARY
from rfssm.strict import parse_json, read_bounded

COLUMNS = (
    "run", "model", "weights", "states", "seeds", "accuracy %", "parameters",
    "spikes per sample", "rate %", "seconds",
)  # fmt: skip


def runs_table(folder: Path) -> str:
    """Return a table of all finished runs below a folder.  Raises RfssmError if there are none."""
    summaries = [_read(path) for path in sorted(folder.rglob(SUMMARY))]
    if not summaries:
        raise RfssmError(f"{folder}: holds no finished run (no {SUMMARY} below it)")
    groups: dict[str, list[dict[str, Any]]] = {}
    for summary in summaries:
        recipe = {key: value for key, value in summary["recipe"].items() if key != "seed"}
        groups.setdefault(json.dumps(recipe, sort_keys=True), []).append(summary)
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(_row(group) for group in groups.values())]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _cell(text: str) -> str:
    """Return a text with the characters escaped that would end its cell or its row."""
    return printable(text).replace("\n", "\\n").replace("|", "\\|")


def _read(path: Path) -> dict[str, Any]:
    try:
        summary = parse_json(read_bounded(path, LARGEST_FILE))
        summary["folder"] = path.parent.name
        _row([summary])
    except Exception as error:  # values of any type make the row's arithmetic raise almost anything
        kind = type(error).__name__
        raise RfssmError(f"{path}: not the summary of a run ({kind}: {one_line(error)})") from None
    return dict(summary)


def _row(group: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the means over the seeds, with the accuracy of each seed if there are several."""
    recipe = group[0]["recipe"]
    formats = recipe["quantization"]

    def mean(field: str) -> float:
        return statistics.mean(float(summary[field]) for summary in group)

    neurons = recipe["network"]["neurons"]
    fired = [
        sum(r * n for r, n in zip(summary["rates"], neurons, strict=True)) / sum(neurons)
        for summary in group
    ]
    accuracy = f"{100 * mean('accuracy'):.2f}"
    if len(group) > 1:
        each = (f"{100 * summary['accuracy']:.2f}" for summary in group)
        accuracy += f" ({', '.join(each)})"
    return (
        group[0]["folder"],
        recipe["network"]["cell"]["model"],
        str(formats["weight_bits"]) if formats else "real",
        str(formats["state_bits"]) if formats else "real",
        ", ".join(str(summary["recipe"]["seed"]) for summary in group),
        accuracy,
        f"{group[0]['parameters']:,}",
        f"{mean('spikes_per_sample'):,.0f}",
        f"{100 * statistics.mean(fired):.1f}",
        f"{mean('seconds'):.0f}",
    )
