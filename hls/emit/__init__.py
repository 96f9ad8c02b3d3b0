"""Write the text of SystemVerilog projects: tops, test benches, FuseSoC cores."""

from typing import TYPE_CHECKING

from rfssm.lazy import lazy

if TYPE_CHECKING:
    from rfssm.hls.emit.bench import write_bench
    from rfssm.hls.emit.fusesoc import write_core
    from rfssm.hls.emit.project import design_files, design_sources, rtl_sources, write_rtl

__all__ = [
    "design_files",
    "design_sources",
    "rtl_sources",
    "write_bench",
    "write_core",
    "write_rtl",
]
__getattr__ = lazy(__name__)
