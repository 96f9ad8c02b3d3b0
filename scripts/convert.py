"""Writes the hardware of a network: an HLS C++ project and SystemVerilog with its test bench."""

from __future__ import annotations

from pathlib import Path

from rfssm.hls.emit import Lanes, write_rtl
from rfssm.hls.plugin import convert_network
from rfssm.quant.network import IntegerNetwork
from rfssm.scripts.files import whole_folder


def convert(
    network: IntegerNetwork, out: Path, *, backend: str = "RFSSM", lanes: Lanes | None = None
) -> tuple[Path, Path]:
    """Write ``out/hls``, the HLS C++ as the backend spells it, and ``out/rtl``, the SystemVerilog.

    Complete or not at all.  Returns both folders.
    """
    hls, rtl = out / "hls", out / "rtl"
    with whole_folder(out) as working:
        model = convert_network(network, working / "hls", backend, lanes=lanes, rtl=False)
        model.write()
        settings = working / "hls" / "hls4ml_config.yml"  # the one file that knows where it lies
        settings.write_text(settings.read_text().replace(str(working), str(out.resolve())))
        write_rtl(network, working / "rtl", lanes)
    return hls, rtl
