"""The commands, in the order in which ``rfssm --help`` lists them."""

from rfssm.scripts.commands import (  # noqa: I001
    demo,
    train,
    runs,
    import_published,
    freeze,
    inspect,
    simulate,
    verify,
    soft_errors,
    convert,
    synth,
    estimate,
    run_board,
)

__all__ = [
    "convert",
    "demo",
    "estimate",
    "freeze",
    "import_published",
    "inspect",
    "run_board",
    "runs",
    "simulate",
    "soft_errors",
    "synth",
    "train",
    "verify",
]
