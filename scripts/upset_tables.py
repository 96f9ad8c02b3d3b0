"""Tabulate the accuracy under soft errors."""

from __future__ import annotations

from rich.table import Table

from rfssm.hls.engines.soft_errors import SoftErrors


def upset_table(result: SoftErrors) -> Table:
    """Return a table with one row per rate."""
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


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
