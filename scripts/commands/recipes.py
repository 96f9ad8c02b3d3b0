"""``rfssm recipes``."""

from __future__ import annotations

from rfssm.scripts.app import command


@command()
def recipes() -> None:
    """Show the recipes that come with rfssm, which ``rfssm train`` takes by name."""
    from rich.table import Table

    from rfssm.quant.recipes import load_recipe, recipe_names
    from rfssm.scripts import console

    table = Table()
    for column in ("recipe", "data", "model", "neurons", "weights", "states"):
        table.add_column(column, no_wrap=True)
    for name in recipe_names():
        recipe = load_recipe(name)
        formats, neurons = recipe.quantization, recipe.network.neurons
        bits = ("real", "real")
        if formats is not None:
            bits = (f"{formats.weight_bits} bits", f"{formats.state_bits} bits")
        table.add_row(
            name, recipe.data.set, recipe.network.cell.model, ", ".join(map(str, neurons)), *bits
        )
    console.show(table)
