"""What a person chooses before training, with the range of every choice."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Real = Annotated[float, Field(strict=False, allow_inf_nan=False)]  # YAML reads 1e-3 as a string
Positive = Annotated[Real, Field(gt=0)]
Share = Annotated[Real, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of a recipe: typed, frozen, without unknown fields."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class DigitsConfig(Section):
    """Scikit-learn's 1,797 images of 8x8 pixels, one 4-bit pixel per step."""

    set: Literal["digits"]


class FilesConfig(Section):
    """A data set that is read from files."""

    set: str
    root: str | None = None
    """Folder of the data; None: $RFSSM_DATA."""


class SpikesConfig(FilesConfig):
    """Spikes of 700 units, in the file layout of SHD, as fixed bins of 140 channels."""

    bin_ms: Annotated[Real, Field(ge=0.1, le=1000)] = 4.0
    steps_max: Annotated[int, Field(ge=1, le=65535)] = 250
    """Spikes after that many bins are left out."""
    bits: Annotated[int, Field(ge=1, le=8)] = 1
    """1: whether a channel spiked in a bin.  More: how often, at most 2^bits - 1."""


FsddSpeaker = Literal["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]


class FsddConfig(SpikesConfig):
    """Spoken digits as spikes."""

    set: Literal["fsdd"]
    speaker: FsddSpeaker | None = None
    """Test on all that this person says, train on the five others; None: the official split."""


class EcgConfig(FilesConfig):
    """Waves of the electrocardiogram (QT database): every step has a label."""

    set: Literal["ecg"]


class ShdConfig(SpikesConfig):
    """Spiking Heidelberg Digits, 20 classes; downloaded by tonic where it is missing."""

    set: Literal["shd"]


class SscConfig(SpikesConfig):
    """Spiking Speech Commands, 35 classes; downloaded by tonic where it is missing."""

    set: Literal["ssc"]
    steps_max: Annotated[int, Field(ge=1, le=65535)] = 300


class GscSpikesConfig(SpikesConfig):
    """Three words of Speech Commands as spikes."""

    set: Literal["gsc_spikes"]


class GscConfig(FilesConfig):
    """Speech Commands as 40 log-mel energies every 10 ms."""

    set: Literal["gsc"]
    subset: Literal["full", "gsc3", "gsc30"] = "full"
    """The 35 words of version 0.02; a few clips of 3 or 30 words of version 0.01."""
    bits: Annotated[int, Field(ge=4, le=8)] = 8
    """Of a word, signed; two of them before the binary point."""


class MnistConfig(FilesConfig):
    """MNIST, one pixel per step."""

    bits: Annotated[int, Field(ge=1, le=8)] = 8
    """Of a pixel, leading ones; all after the binary point."""


class SmnistConfig(MnistConfig):
    """MNIST, row by row."""

    set: Literal["smnist"]


class PsmnistConfig(MnistConfig):
    """MNIST, permuted."""

    set: Literal["psmnist"]
    order: Literal["permutation", "bit_reversal"] = "permutation"
    """``mnist/psmnist_permutation.npy`` of the data folder, or that of the S5-RF paper."""


DataConfig = Annotated[
    DigitsConfig
    | FsddConfig
    | ShdConfig
    | SscConfig
    | GscConfig
    | GscSpikesConfig
    | EcgConfig
    | SmnistConfig
    | PsmnistConfig,
    Field(discriminator="set"),
]


class NetworkConfig(Section):
    """Shape and start values of an S5-RF network."""

    neurons: Annotated[
        tuple[Annotated[int, Field(ge=1, le=4096)], ...],
        Field(strict=False, min_length=1, max_length=15),
    ]
    block: Annotated[int, Field(ge=1, le=1024)] = 4
    """Order of the HiPPO blocks that the frequencies start from."""
    step_min: Annotated[Real, Field(gt=0, le=10)] = 0.004
    step_max: Annotated[Real, Field(gt=0, le=10)] = 0.3
    leak: Annotated[Real, Field(gt=0, lt=1)] = 0.8
    """Decay of the readout per step, at the start."""
    bias: bool = False

    @model_validator(mode="after")
    def _fits(self) -> NetworkConfig:
        if self.step_min > self.step_max:
            raise ValueError(
                f"step_min = {self.step_min}: must be at most step_max = {self.step_max}"
            )
        for neurons in self.neurons:
            if neurons % self.block:
                raise ValueError(
                    f"block = {self.block}: must divide every entry of neurons = "
                    f"{list(self.neurons)}"
                )
        return self


class AugmentationConfig(Section):
    """How training samples of spikes are varied."""

    shift: Annotated[int, Field(ge=0)] = 8
    """Largest shift in time, steps."""
    stretch: Annotated[Real, Field(ge=0, lt=1)] = 0.12
    """Largest relative change of speed."""
    roll: Annotated[int, Field(ge=0)] = 3
    """Largest shift in channels, without wrap-around."""
    dropout: Share = 0.2
    """Largest share of events left out of a sample."""
    band: Annotated[int, Field(ge=0)] = 8
    """Largest number of neighbouring channels that fall silent."""
    cutmix: Share = 0.3
    """Share of batches in which a stretch of time comes from another sample."""


class TrainingConfig(Section):
    """Optimiser, schedule and regularisers."""

    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch: Annotated[int, Field(ge=1, le=65536)] = 64
    learning_rate: Positive = 0.02
    cell_learning_rate: Positive = 0.005
    """Of damping, frequency, step and readout leak, which have no weight decay."""
    weight_decay: Annotated[Real, Field(ge=0)] = 0.01
    clip: Positive = 1.0
    """Largest norm of the gradient."""
    calibration: Positive | None = 0.5
    """Standard deviation of u, in thresholds, to which the start weights are scaled."""
    rate_target: Annotated[Real, Field(gt=0, le=1)] | None = None
    """Spikes per neuron and step above which a layer is punished."""
    rate_weight: Annotated[Real, Field(ge=0)] = 10.0
    augmentation: AugmentationConfig | None = None


def complaints(error: ValidationError) -> str:
    """What a validator has found, in one line: field, value, what is allowed."""
    said = []
    for problem in error.errors(include_url=False, include_context=False):
        tags = {
            "digits",
            "fsdd",
            "ecg",
        }  # pydantic names the branch of a union; the user has no such field
        field = ".".join(str(part) for part in problem["loc"] if part not in tags)
        message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        if problem["type"] == "missing":
            said.append(f"{field}: missing")
        elif problem["type"] == "extra_forbidden":
            said.append(f"{field}: no such field")
        elif problem["type"] == "value_error":
            said.append(f"{field}.{message}" if field else message)
        elif problem["type"].startswith("union_tag"):
            value = problem["input"].get("set") if isinstance(problem["input"], dict) else None
            said.append(f"{field}.set = {value!r}: must be 'digits', 'fsdd' or 'ecg'")
        else:
            said.append(f"{field} = {problem['input']!r}: {message}")
    return "; ".join(said)
