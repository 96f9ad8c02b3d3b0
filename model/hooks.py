"""PyTorch's hooks on modules whose parameters are read and which are never called.

``torch.nn.utils.prune`` and the older weight and spectral norms compute a parameter in a hook that
PyTorch runs before it calls the module.  The parts of a layer are read, not called, so that here
such hooks are run where the parameter is read.  Hooks that could not run at all are refused.
"""

from __future__ import annotations

from torch import nn
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from rfssm.errors import NetworkError

_COMPUTING = (BasePruningMethod, SpectralNorm, WeightNorm)


def refresh(layer: nn.Module) -> None:
    """Compute a layer's parameters again from those that pruning or normalisation replaced.

    Raises NetworkError for other hooks on the parts of the layer, which are not called.
    """
    for name, part in _parts(layer):
        refuse_hooks(part, name)
    for part in layer.modules():
        for hook in part._forward_pre_hooks.values():
            if isinstance(hook, _COMPUTING):
                hook(part, ())


def refuse_hooks(module: nn.Module, name: str) -> None:
    """Raise NetworkError for hooks on a module that is never called."""
    if _has_hooks(module):
        raise NetworkError(
            f"{name} ({type(module).__name__}): its hooks would not run, because it is not called; "
            "register them on the layers, or remove them (handle.remove())"
        )


def refuse_all_hooks(layer: nn.Module, name: str) -> None:
    """Raise NetworkError for hooks on a layer that is about to be copied or frozen."""
    if any(_has_hooks(part) for part in (layer, *(part for _, part in _parts(layer)))):
        raise NetworkError(
            f"{name}: has hooks, which are not copied or frozen; remove them first "
            "(handle.remove())"
        )


def _parts(layer: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the modules whose parameters a layer reads."""
    names = ("cell", "dense", "norm")
    return [(name, part) for name, part in layer.named_children() if name in names]


def _has_hooks(module: nn.Module) -> bool:
    """Return whether a module has hooks other than those of ``refresh``."""
    before = [h for h in module._forward_pre_hooks.values() if not isinstance(h, _COMPUTING)]
    backward = module._backward_hooks or module._backward_pre_hooks
    return bool(before or module._forward_hooks or backward)
