"""Recipes: what they may hold, and what they say when they hold something else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rfssm.errors import RecipeError
from rfssm.quant.recipe import parse_recipe, read_recipe
from rfssm.quant.recipes import load_recipe, recipe_names

SMALL = """
name: small
data: {set: digits}
network: {neurons: [8, 8]}
training: {epochs: 2, learning_rate: 1e-2}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def test_packaged_recipes_are_found_by_name() -> None:
    assert {"digits", "fsdd", "ecg", "smnist", "psmnist", "shd", "ssc"} <= set(recipe_names())
    for name in recipe_names():
        assert load_recipe(name).name == name


def test_resolved_recipe_reads_back_as_the_same_recipe() -> None:
    for name in recipe_names():
        recipe = load_recipe(name)
        assert parse_recipe(yaml.safe_load(recipe.to_yaml())) == recipe


def test_overrides_replace_single_fields(small: Path) -> None:
    recipe = read_recipe(
        small,
        ["training.epochs=3", "network.neurons=[16, 32]", "quantization.readout.weight_bits=5",
         "training.learning_rate=5e-3", "training.calibration=null"],
    )  # fmt: skip
    assert recipe.training.epochs == 3
    assert recipe.network.neurons == (16, 32)
    assert recipe.quantization.readout.weight_bits == 5
    assert recipe.training.learning_rate == 0.005
    assert recipe.training.calibration is None
    assert recipe.quantization.readout.state_bits == 24  # the others keep their defaults


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs=0", r"training\.epochs = 0: must be greater than or equal to 1"),
        ("training.epochs=many", r"training\.epochs = 'many': must be a valid integer"),
        ("training.epochs=true", r"training\.epochs = True: must be a valid integer"),
        ("training.clip=.nan", r"training\.clip = nan: must be a finite number"),
        ("training.epohcs=3", r"training\.epohcs: no such field"),
        ("quantization.weight_bits=17", r"quantization\.weight_bits = 17: must be less than"),
        ("quantization.rounding=UP", r"quantization\.rounding = 'UP': must be 'TRN', 'TRN_ZERO'"),
        ("quantization.state_bits=32 ", r"state_bits = 32, transition_bits = 28"),
        ("quantization.transition_bits=14", r"transition_bits = 14: must exceed transition_frac"),
        ("quantization.readout.leak_frac=3", r"quantization\.readout\.leak_frac = 3: must be gr"),
        ("quantization.readout.state_bits=32", r"state_bits = 32, leak_frac = 24: must add up to"),
        ("network.neurons=[8, 6]", r"block = 4: must divide every entry of neurons = \[8, 6\]"),
        ("network.neurons=[]", r"network\.neurons = \[\]: .* at least 1 item"),
        (
            "network.cell.step_min=0.5",
            r"network\.cell\.step_min = 0\.5: must be at most step_max = 0\.3",
        ),
        ("network.cell.model=lifs", r"network\.cell\.model = 'lifs': must be one of 's5rf', 'prf'"),
        ("network.cell.discretization=zoh", r"discretization = 'zoh': mixes states"),
        ("network.cell={model: lif, parallel: true}", r"parallel = true: must be false, or quant"),
        ("network.normalize=true", r"normalize = true: must be false where cell\.model = s5rf"),
        ("network.cell={model: rf, frequency_max: 200}", r"frequency_max = 200.*: must be below"),
        ("network.score=mean", r"network\.score = 'mean': must be 'sum', 'last', 'max' or 'each'"),
        ("data.set=shapes", r"data\.set = 'shapes': must be one of 'digits', 'fsdd'"),
        ("data.root=here", r"data\.root: no such field"),
        ("data=", r"data = None"),
        ("seed=-1", r"seed = -1: must be greater than or equal to 0"),
        ("training.epochs", r"--set training\.epochs: must look like training\.epochs=30"),
        ("=3", r"--set =3: must look like"),
        ("name.first=x", r"--set name\.first=x: name = 'small' has no fields"),
        ("training.epochs=[", r"--set training\.epochs=\[: not a YAML value"),
    ],
)
def test_refusals_name_field_and_value(small: Path, override: str, message: str) -> None:
    helpers = {
        "quantization.state_bits=32 ": ["quantization.transition_bits=28"],
        "quantization.readout.state_bits=32": ["quantization.readout.leak_frac=24"],
    }
    with pytest.raises(RecipeError, match=message) as caught:
        read_recipe(small, [*helpers.get(override, []), override])
    assert str(small) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bias_must_fit_the_state_where_there_is_one(small: Path) -> None:
    narrow = ["quantization.state_bits=8"]
    read_recipe(small, narrow)
    message = r"quantization\.bias_bits = 12: must be at most quantization\.state_bits = 8"
    with pytest.raises(RecipeError, match=message):
        read_recipe(small, [*narrow, "network.bias=true"])


def test_a_penalty_for_widths_needs_a_width_to_prove(small: Path) -> None:
    weight = "training.overflow_weight=0.1"
    message = r"training\.overflow_weight = 0\.1: must be 0 without quantization\.proved = true"
    with pytest.raises(RecipeError, match=message):
        read_recipe(small, [weight])
    with pytest.raises(RecipeError, match=message):
        read_recipe(small, [weight, "quantization=null"])
    read_recipe(small, [weight, "quantization.proved=true"])


def test_a_penalty_for_rates_needs_a_rate(small: Path) -> None:
    message = r"training\.rate_weight = 3: weighs nothing without rate_target"
    with pytest.raises(RecipeError, match=message):
        read_recipe(small, ["training.rate_weight=3", "training.rate_target=null"])
    read_recipe(small, ["training.rate_weight=3", "training.rate_target=0.2"])
    unpunished = read_recipe(small, ["training.rate_target=null"])
    assert parse_recipe(yaml.safe_load(unpunished.to_yaml())) == unpunished


def test_missing_sections_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\ndata: {set: digits}\n")
    with pytest.raises(RecipeError, match=r"network: missing; training: missing"):
        read_recipe(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: [", "not YAML"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"just words", "must hold fields"),
        (b"", "must hold fields"),
    ],
)
def test_files_that_are_no_recipe(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(RecipeError, match=message) as caught:
        read_recipe(tmp_path / "a.yaml", ["seed=1"])
    assert "\n" not in str(caught.value)


def test_unknown_names_list_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nope.*no such file.*digits, ecg, fsdd"):
        load_recipe("nope")
    with pytest.raises(RecipeError, match="no such file"):
        load_recipe(str(tmp_path / "digits.yaml"))
