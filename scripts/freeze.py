"""Choose the network and the widths of ``rfssm freeze``, and report the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rfssm.errors import NetworkError, RfssmError, short_repr
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.network_file import NETWORK
from rfssm.quant.ranges.narrow import WIDEST, LayerWidth, narrowed, with_state_bits
from rfssm.scripts.console import beyond
from rfssm.words import whole_number


def network_of(source: Path) -> Path:
    """Return the network file of a run, or the given file.  Raises RfssmError if it is missing."""
    if not source.is_dir():
        return source
    file = source / NETWORK
    if not file.is_file():
        raise RfssmError(f"{source}: holds no {NETWORK}; name a finished run or a network file")
    return file


def freeze_states(
    network: IntegerNetwork, state_bits: str, limit: int | None
) -> tuple[IntegerNetwork, tuple[LayerWidth, ...]]:
    """Choose state widths.  Raises NetworkError, naming the option.

    state_bits    ``auto``, or a number of bits for all layers
    limit         largest number of bits that ``auto`` may choose
    """
    if state_bits == "auto":
        return narrowed(network, limit)
    try:
        bits = whole_number(state_bits)
        if bits < 0:
            raise ValueError
    except ValueError:
        raise NetworkError(
            f"--state-bits = {short_repr(state_bits)}: must be auto, or 4 to {WIDEST}"
        ) from None
    if limit is not None:
        raise NetworkError("--limit: belongs to --state-bits auto; leave one of them out")
    return with_state_bits(network, bits)


def width_lines(widths: Sequence[LayerWidth], limit: int | None) -> list[str]:
    """Return a line for each layer: its bits, the reason, and the neurons that need more bits."""
    lines = []
    for i, width in enumerate(widths):
        needed = f"{width.needed}" if width.needed <= WIDEST else f"more than {WIDEST}"
        line = f"layer {i}: {width.chosen} bits, "
        if width.saturates:
            line += f"states may saturate: {needed} would never"
        else:
            line += "never saturates within steps_max"
            if width.chosen != width.declared:
                line += f", {width.declared} before"
            elif width.needed < width.chosen:
                line += f": {needed} would do"
        if width.beyond:
            most = width.chosen if limit is None else limit
            line += f"; {beyond(width.beyond, width.widest, most)}"
        lines.append(line)
    return lines


def report_json(widths: Sequence[LayerWidth]) -> dict[str, object]:
    """Return the widths in plain JSON values."""
    return {"layers": [{**asdict(width), "saturates": width.saturates} for width in widths]}
