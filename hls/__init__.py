"""Convert integer networks to hardware: hls4ml plugin, SystemVerilog IP, simulation engines."""

from typing import TYPE_CHECKING

from rfssm.lazy import lazy

if TYPE_CHECKING:
    from rfssm.hls.convert import Hardware
    from rfssm.hls.describe import LayerDescription, NetworkDescription
    from rfssm.hls.design import Design, LaneChoice, Lanes, chosen_lanes, default_lanes, lane_choice
    from rfssm.hls.names import checked_name, module_name
    from rfssm.hls.verify import EngineResult, VerifyReport, random_samples, verify_network

__all__ = [
    "Design",
    "EngineResult",
    "Hardware",
    "LaneChoice",
    "Lanes",
    "LayerDescription",
    "NetworkDescription",
    "VerifyReport",
    "checked_name",
    "chosen_lanes",
    "default_lanes",
    "lane_choice",
    "module_name",
    "random_samples",
    "verify_network",
]
__getattr__ = lazy(__name__)
