"""Draw `road.svg`: from training to the FPGA, and what is compared with what."""

from __future__ import annotations

from pathlib import Path

from drawing import Drawing


def draw() -> str:
    """The SVG file."""
    d = Drawing(860, 250, "From training to the FPGA, with equality between all engines")
    d.box(20, 90, 150, 66, ["Train", "PyTorch + Brevitas,", "on the integers"], fill="blue")
    d.box(
        215, 90, 160, 66, ["One integer file", "network.safetensors", "the contract"], fill="amber"
    )
    d.arrow((170, 123), (215, 123))
    rows = (
        (20, "Golden model", "Python integers"),
        (95, "HLS C++", "hls4ml project"),
        (170, "SystemVerilog IP", "AXI4-Stream"),
    )
    for y, name, what in rows:
        d.box(450, y, 160, 56, [name, what], fill="green")
    d.arrow((375, 110), (412, 110), (412, 48), (450, 48))
    d.arrow((375, 123), (450, 123))
    d.arrow((375, 136), (412, 136), (412, 198), (450, 198))
    d.words(530, 90, "==", size=15, bold=True)
    d.words(530, 165, "==", size=15, bold=True)
    d.box(680, 170, 160, 56, ["FPGA netlist", "Yosys, nextpnr"], fill="plain")
    d.arrow((610, 198), (680, 198))
    d.words(645, 190, "==", size=15, bold=True)
    d.words(730, 60, "every spike,", size=13)
    d.words(730, 78, "both states of every neuron,", size=13)
    d.words(730, 96, "every score: compared with ==", size=13)
    return d.text()


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw())
