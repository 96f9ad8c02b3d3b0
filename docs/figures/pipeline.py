"""Draw `pipeline.svg`: one spiking layer, and the stages of its cells.

The stages are those that `hls/rtl/rfssm_cell.sv` numbers in the names of its registers.
"""

from __future__ import annotations

from pathlib import Path

from drawing import Drawing

STAGES = (
    ("1", "read", "coefficients, state"),
    ("2-4", "multiply", "4 products a lane"),
    ("5", "sum", "2 products of a row"),
    ("6", "round", "once"),
    ("7", "add", "current, bias, reset"),
    ("8", "saturate", "write the state"),
    ("9", "compare", "u > threshold"),
)


def draw() -> str:
    """The SVG file."""
    d = Drawing(860, 360, "One spiking layer and the nine stages of its cells")
    d.words(20, 28, "One spiking layer (rfssm_layer): each part works on a step of its own",
            bold=True, anchor="start")  # fmt: skip
    parts = [
        (70, 130, ["rfssm_synapse", "adds a row of weights", "per event"], "blue"),
        (310, 130, ["rfssm_cells", "updates a chunk of", "neurons per cycle"], "green"),
        (550, 110, ["rfssm_skip", "adds the input", "(only with skip)"], "plain"),
        (715, 110, ["rfssm_encoder", "chunks of spikes", "to events"], "amber"),
    ]
    for x, width, lines, fill in parts:
        d.box(x, 65, width, 70, lines, fill=fill)
    d.arrow((18, 100), (70, 100))
    d.arrow((200, 100), (310, 100))
    d.arrow((440, 100), (550, 100))
    d.arrow((660, 100), (715, 100))
    d.arrow((825, 100), (852, 100))
    for x, above, below in (
        (40, "events", ""), (255, "currents", "2 buffers"),
        (495, "spikes", ""), (688, "values", ""),
    ):  # fmt: skip
        d.words(x, 90, above, size=12)
        d.words(x, 118, below, size=11, pale=True)
    d.words(768, 152, "FIFO of 32 chunks", size=11, pale=True)
    d.box(310, 165, 130, 34, ["rfssm_sweep"], fill="plain")
    d.arrow((375, 165), (375, 135))
    d.words(452, 187, "issues one chunk per cycle while the encoder has room", size=11, pale=True,
            anchor="start")  # fmt: skip
    stages = "The stages of rfssm_cells: 9 cycles from issue to spikes, a new chunk every cycle"
    d.words(20, 235, stages, bold=True, anchor="start")
    width = 112
    for i, (number, name, what) in enumerate(STAGES):
        x = 20 + i * (width + 6)
        d.box(x, 262, width, 48, [name, what], fill="green")
        d.words(x + width / 2, 256, f"stage {number}", size=11, pale=True)
    d.arrow((20 + 5 * (width + 6) + width / 2, 310), (20 + 5 * (width + 6) + width / 2, 335),
            (20 + width / 2, 335), (20 + width / 2, 310))  # fmt: skip
    loop = "a state that is read in stage 1 is written in stage 8: a sweep takes at least 8 cycles"
    d.words(360, 351, loop, size=11, pale=True)
    return d.text()


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw())
