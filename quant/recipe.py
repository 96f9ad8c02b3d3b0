"""A training recipe: data, network, quantisation, training; YAML, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from rfssm.contract import Rounding
from rfssm.errors import RecipeError, short_repr
from rfssm.model.recipe import DataConfig, NetworkConfig, TrainingConfig
from rfssm.model.sections import Section, complaints, file_name
from rfssm.strict import parse_yaml, read_bounded

RECIPE, SUMMARY = "recipe.yaml", "summary.json"
"""Names of the files of a run: its recipe and its summary."""
LARGEST_FILE = 1 << 20
"""Largest recipe and largest summary of a run that are read, in bytes."""
EXACT_BITS = 53
"""Bits of an integer in training at most: float64 is exact up to 2^53."""


class ReadoutConfig(Section):
    """Formats of the readout."""

    weight_bits: Annotated[int, Field(ge=2, le=16)] = 8
    state_bits: Annotated[int, Field(ge=4, le=32)] = 24
    guard_bits: Annotated[int, Field(ge=0, le=16)] = 2
    leak_frac: Annotated[int, Field(ge=4, le=24)] = 15
    """Fractional bits of the leak; more are taken where 1 - leak needs them."""
    bias_bits: Annotated[int, Field(ge=2, le=32)] = 16
    """Bits of the bias if the network has one."""
    rounding: Rounding = "RND"
    proved: bool = False
    """Whether the scale grows until no input can saturate a state of state_bits."""

    @model_validator(mode="after")
    def _fits(self) -> ReadoutConfig:
        if self.state_bits + self.leak_frac > EXACT_BITS:
            raise ValueError(
                f"state_bits = {self.state_bits}, leak_frac = {self.leak_frac}: "
                f"must add up to at most {EXACT_BITS}, which float64 computes exactly"
            )
        return self


class QuantizationConfig(Section):
    """Formats of the spiking layers, and of the readout."""

    weight_bits: Annotated[int, Field(ge=2, le=16)] = 6
    state_bits: Annotated[int, Field(ge=4, le=32)] = 16
    guard_bits: Annotated[int, Field(ge=0, le=16)] = 2
    transition_bits: Annotated[int, Field(ge=4, le=32)] = 16
    transition_frac: Annotated[int, Field(ge=1, le=31)] = 14
    bias_bits: Annotated[int, Field(ge=2, le=32)] = 12
    """Bits of the bias if the network has one."""
    rounding: Rounding = "RND"
    proved: bool = False
    """Whether the scales grow until no input can saturate a state of state_bits."""
    readout: ReadoutConfig = ReadoutConfig()

    @model_validator(mode="after")
    def _fits(self) -> QuantizationConfig:
        if self.state_bits + self.transition_bits > EXACT_BITS:
            raise ValueError(
                f"state_bits = {self.state_bits}, transition_bits = {self.transition_bits}: "
                f"must add up to at most {EXACT_BITS}, which float64 computes exactly"
            )
        if self.transition_bits <= self.transition_frac:
            raise ValueError(
                f"transition_bits = {self.transition_bits}: must exceed transition_frac = "
                f"{self.transition_frac} by the sign"
            )
        return self


class Recipe(Section):
    """Everything that a trained network depends on."""

    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(file_name)]
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    data: DataConfig
    network: NetworkConfig
    quantization: QuantizationConfig | None = QuantizationConfig()
    """Formats of the integers; None to train in real numbers."""
    training: TrainingConfig

    @model_validator(mode="after")
    def _integers_are_possible(self) -> Recipe:
        if self.training.overflow_weight and not (self.quantization and self.quantization.proved):
            raise ValueError(
                f"training.overflow_weight = {self.training.overflow_weight}: must be 0 without "
                "quantization.proved = true, because nothing keeps the states within a width"
            )
        if self.quantization is None:
            return self
        cell = self.network.cell
        if getattr(cell, "discretization", None) == "zoh":
            raise ValueError(
                "network.cell.discretization = 'zoh': mixes states, for which there is no integer "
                "circuit; must be 'bilinear' or 'dirac', or quantization null"
            )
        if getattr(cell, "parallel", False):
            raise ValueError(
                "network.cell.parallel = true: must be false, or quantization null, because "
                "rounding is not associative; it is the same neuron"
            )
        formats: dict[str, QuantizationConfig | ReadoutConfig] = {
            "quantization": self.quantization,
            "quantization.readout": self.quantization.readout,
        }
        for section, config in formats.items():
            has_bias = self.network.bias or self.network.normalize
            if has_bias and config.bias_bits > config.state_bits:
                raise ValueError(
                    f"{section}.bias_bits = {config.bias_bits}: must be at most "
                    f"{section}.state_bits = {config.state_bits}"
                )
        return self

    def to_yaml(self) -> str:
        """Return the recipe as YAML with every default spelled out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def parse_recipe(mapping: object) -> Recipe:
    """Check a recipe.  Raises RecipeError, naming field, value and what is allowed."""
    if not isinstance(mapping, Mapping):
        raise RecipeError("must hold fields such as 'name: digits', not a single value")
    try:
        return Recipe.model_validate(dict(mapping))
    except ValidationError as error:
        raise RecipeError(complaints(error)) from None


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a YAML file, replace single fields (``training.epochs=3``), check the result."""
    try:
        text = read_bounded(path, LARGEST_FILE).decode()
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path}: not a text file") from None
    except ValueError as error:
        raise RecipeError(f"{path}: {error}") from None
    try:
        mapping = parse_yaml(text)
    except ValueError as error:
        raise RecipeError(f"{path}: not YAML ({error})") from None
    try:
        if isinstance(mapping, dict):
            for override in overrides:
                _override(mapping, override)
        return parse_recipe(mapping)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None


def _override(mapping: dict[str, Any], override: str) -> None:
    """Apply ``a.b=value``, the value read as YAML."""
    key, equals, text = override.partition("=")
    *parents, last = key.split(".")
    if not equals or not all((*parents, last)):
        raise RecipeError(f"--set {override}: must look like training.epochs=30")
    try:
        value = parse_yaml(text)
    except ValueError as error:
        raise RecipeError(f"--set {override}: not a YAML value ({error})") from None
    section = mapping
    for part in parents:
        inner = section.get(part)
        section[part] = inner = {} if inner is None else inner
        if not isinstance(inner, dict):
            raise RecipeError(f"--set {override}: {part} = {short_repr(inner)} has no fields")
        section = inner
    section[last] = value
