"""Find a recipe by the name of one that comes with rfssm, or by the path of a YAML file."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from rfssm.errors import RecipeError
from rfssm.quant.recipe import Recipe, read_recipe

__all__ = ["load_recipe", "recipe_names"]


def recipe_names() -> list[str]:
    """Names of the recipes that come with rfssm."""
    folder = resources.files("rfssm.quant.recipes")
    return sorted(
        file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml")
    )


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, by name or path, and replace single fields (``training.epochs=3``)."""
    if name in recipe_names():
        with resources.as_file(resources.files("rfssm.quant.recipes") / f"{name}.yaml") as path:
            return read_recipe(path, overrides)
    if not Path(name).exists():
        known = ", ".join(recipe_names())
        raise RecipeError(f"recipe {name!r}: no such file, and not one of {known}")
    return read_recipe(Path(name), overrides)
