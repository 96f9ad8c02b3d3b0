"""Float models of resonate-and-fire state space networks, their data and their training."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rfssm.model.published import load_published

__all__ = ["load_published"]


def __getattr__(name: str) -> Any:
    """What is in ``__all__``, when it is asked for: it needs torch, which takes a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rfssm.model.published import load_published

    return load_published
