"""Register the commands in the order in which ``rfssm --help`` lists them."""

from rfssm.scripts.commands import (
    convert,
    demo,
    estimate,
    freeze,
    import_published,
    inspect,
    recipes,
    run_board,
    runs,
    simulate,
    soft_errors,
    synth,
    train,
    verify,
)

__all__ = [
    "convert",
    "demo",
    "estimate",
    "freeze",
    "import_published",
    "inspect",
    "recipes",
    "run_board",
    "runs",
    "simulate",
    "soft_errors",
    "synth",
    "train",
    "verify",
]
