"""Layers that whatever traces a network with torch.fx takes as they are; hls4ml's frontend does."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.fx import Proxy

from rfssm.quant import tracing


class Leaf(nn.Module):
    """A module that becomes one node of a traced graph."""

    def __call__(self, x: Any, *args: Any, **options: Any) -> Any:
        """Run the module; in a trace, which passes proxies around, make a node."""
        tracer: Any = x.tracer if isinstance(x, Proxy) else None
        if tracer is None or tracer.root is self:
            return super().__call__(x, *args, **options)
        for observer in tracing.OBSERVERS:
            observer()
        return tracer.create_proxy("call_module", tracer.path_of_module(self), (x,), {})
