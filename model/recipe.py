"""The choices before a training, with the range of each."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from rfssm.contract import Score
from rfssm.model.sections import Positive, Real, Section, Share


class DigitsConfig(Section):
    """Scikit-learn's 1,797 images of 8x8 pixels, one 4-bit pixel per step."""

    set: Literal["digits"]


class FilesConfig(Section):
    """A data set that is read from files."""

    set: str
    root: str | None = None
    """Folder of the data; None for $RFSSM_DATA."""


class SpikesConfig(FilesConfig):
    """Spikes of 700 units, in the file layout of SHD, as fixed bins of 140 channels.

    Times are counted in ticks of a clock, as a device counts them, and a bin is a whole number of
    ticks: a spike on the edge of two bins belongs to the later one, in spite of floating point.
    """

    clock_ms: ClassVar[Fraction | None] = None
    """Tick of the clock with which the set's times were made; None if it is not known."""

    bin_ms: Annotated[Real, Field(ge=0.1, le=1000)] = 4.0
    tick_ms: Annotated[Real, Field(ge=1e-6, le=1000)] | None = None
    """A time is rounded to the nearest tick.  None: the set's own clock, or a microsecond where
    that is not known; if bin_ms is not a multiple of it, the largest part of it that divides both.
    """
    steps_max: Annotated[int, Field(ge=1, le=65535)] = 250
    """Bins of a sample at most; later spikes are left out."""
    bits: Annotated[int, Field(ge=1, le=8)] = 1
    """With 1 bit, whether a channel spiked in a bin; with more, how often, at most 2^bits - 1."""

    @property
    def tick(self) -> Fraction:
        """The tick in milliseconds, as an exact fraction."""
        if self.tick_ms is not None:
            return _exact(self.tick_ms)
        width, own = _exact(self.bin_ms), self.clock_ms or Fraction(1, 1000)
        common = math.gcd(width.numerator * own.denominator, own.numerator * width.denominator)
        return Fraction(common, width.denominator * own.denominator)

    @property
    def ticks_per_bin(self) -> int:
        """The number of ticks in a bin, a whole number."""
        return int(_exact(self.bin_ms) / self.tick)

    @model_validator(mode="after")
    def _whole_ticks(self) -> SpikesConfig:
        if _exact(self.bin_ms) % self.tick:
            raise ValueError(
                f"bin_ms = {self.bin_ms}: must be a whole number of ticks, tick_ms = "
                f"{self.tick_ms}; without tick_ms a tick is taken that divides it"
            )
        return self


def _exact(milliseconds: float) -> Fraction:
    """Return the decimal fraction that a floating-point number stands for: 1/10 for 0.1."""
    return Fraction(milliseconds).limit_denominator(10**6)


FsddSpeaker = Literal["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]


class FsddConfig(SpikesConfig):
    """Spoken digits as spikes."""

    clock_ms: ClassVar[Fraction | None] = Fraction(1, 2)
    set: Literal["fsdd"]
    speaker: FsddSpeaker | None = None
    """The speaker to test on, the five others train; None for the official split."""


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

    clock_ms: ClassVar[Fraction | None] = Fraction(1, 2)
    set: Literal["gsc_spikes"]


class GscConfig(FilesConfig):
    """Speech Commands as 40 log-mel energies every 10 ms."""

    set: Literal["gsc"]
    subset: Literal["full", "gsc3", "gsc30"] = "full"
    """The 35 words of version 0.02; a few clips of 3 or 30 words of version 0.01."""
    bits: Annotated[int, Field(ge=4, le=8)] = 8
    """Bits of a signed input word, two of them before the binary point."""


class MnistConfig(FilesConfig):
    """MNIST, one pixel per step."""

    bits: Annotated[int, Field(ge=1, le=8)] = 8
    """Leading bits of a pixel that are used, all after the binary point."""


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


Discretization = Literal["dirac", "zoh", "bilinear"]
Surrogate = Literal["multi_gaussian", "boxcar", "arctan"]
"""The surrogate of the spike's derivative."""
StepSize = Annotated[Real, Field(gt=0, le=10)]


class StepRange(Section):
    """Range of the start values of a trained step, drawn log-uniformly."""

    step_min: StepSize = 0.004
    step_max: StepSize = 0.3

    @model_validator(mode="after")
    def _ordered(self) -> StepRange:
        if self.step_min > self.step_max:
            raise ValueError(
                f"step_min = {self.step_min}: must be at most step_max = {self.step_max}"
            )
        return self


class S5RFConfig(StepRange):
    """S5-RF (arXiv 2504.00719)."""

    model: Literal["s5rf"] = "s5rf"
    block: Annotated[int, Field(ge=1, le=1024)] = 4
    """Order of the HiPPO blocks that the frequencies start from."""
    discretization: Discretization = "dirac"
    """Discretization of the first layer; zoh, which mixes states, is for real numbers only."""


class PRFConfig(StepRange):
    """PRF (arXiv 2410.03530)."""

    model: Literal["prf"]
    frequency_max: Annotated[Real, Field(gt=0, le=1000)] = 6.0
    """Largest start value of a frequency; the values are uniform from a thousandth of it."""


class CSiLIFConfig(StepRange):
    """C-SiLIF (arXiv 2506.06374)."""

    model: Literal["csilif"]
    step_min: StepSize = 0.01
    step_max: StepSize = 0.5


class SiLIFConfig(Section):
    """SiLIF (arXiv 2506.06374)."""

    model: Literal["silif"]


class AdLIFConfig(Section):
    """AdLIF, kept stable, and cAdLIF: the same with narrower limits."""

    model: Literal["adlif", "cadlif"]


class LIFConfig(Section):
    """Leaky integrate-and-fire with soft reset."""

    model: Literal["lif"]
    reset: Literal["before_decay", "after_decay"] = "before_decay"
    """Whether the reset decays with u, or is subtracted whole."""
    unit_gain: bool = False
    """Whether the current enters unscaled, not multiplied by 1 - decay."""
    parallel: bool = False
    """Whether the decoupled reset of arXiv 2410.03530 is used; in real numbers only."""


class RFConfig(Section):
    """Vanilla resonate-and-fire: Euler steps, no reset, never unstable."""

    model: Literal["rf"]
    step: Annotated[Real, Field(gt=0, le=1)] = 0.01
    frequency_min: Annotated[Real, Field(gt=0, le=1000)] = 5.0
    frequency_max: Annotated[Real, Field(gt=0, le=1000)] = 20.0
    damping_min: Annotated[Real, Field(gt=0, le=1000)] = 1.0
    damping_max: Annotated[Real, Field(gt=0, le=1000)] = 4.0
    """Start values, beyond the smallest stable damping of each frequency."""

    @model_validator(mode="after")
    def _ordered(self) -> RFConfig:
        for name in ("frequency", "damping"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low > high:
                raise ValueError(f"{name}_min = {low}: must be at most {name}_max = {high}")
        if self.frequency_max * self.step >= 1:
            raise ValueError(
                f"frequency_max = {self.frequency_max}: must be below 1 / step = {1 / self.step:g}"
            )
        return self


CellConfig = Annotated[
    S5RFConfig | PRFConfig | CSiLIFConfig | SiLIFConfig | AdLIFConfig | LIFConfig | RFConfig,
    Field(discriminator="model"),
]


class NetworkConfig(Section):
    """Shape and start values of a network."""

    neurons: Annotated[
        tuple[Annotated[int, Field(ge=1, le=4096)], ...],
        Field(strict=False, min_length=1, max_length=15),
    ]
    cell: CellConfig = S5RFConfig()
    surrogate: Surrogate = "multi_gaussian"
    skips: bool = True
    """Layers between the first and the last add their input, where both have one width."""
    normalize: bool = False
    """Batch norm before every cell and the readout; it folds into weights and bias."""
    dropout: Annotated[Real, Field(ge=0, lt=1)] = 0.0
    """Share of the layers' output that is left out in training."""
    leak: Annotated[Real, Field(gt=0, lt=1)] = 0.8
    """Start value of the readout's decay per step."""
    bias: bool = False
    score: Score = "sum"

    @field_validator("cell", mode="before")
    @classmethod
    def _s5rf_unless_named(cls, cell: object) -> object:
        return {"model": "s5rf", **cell} if isinstance(cell, dict) else cell

    @model_validator(mode="after")
    def _fits(self) -> NetworkConfig:
        cell = self.cell
        if isinstance(cell, S5RFConfig):
            for neurons in self.neurons:
                if neurons % cell.block:
                    raise ValueError(
                        f"cell.block = {cell.block}: must divide every entry of neurons = "
                        f"{list(self.neurons)}"
                    )
            if self.normalize:
                raise ValueError("normalize = true: must be false where cell.model = s5rf")
        if self.normalize and self.bias:
            raise ValueError("bias = true: must be false with normalize, which brings its own")
        return self


class AugmentationConfig(Section):
    """Random changes of training samples of spikes."""

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
    """Learning rate of damping, frequency, step and readout leak, without weight decay."""
    weight_decay: Annotated[Real, Field(ge=0)] = 0.01
    clip: Positive = 1.0
    """Largest norm of the gradient."""
    calibration: Positive | None = 0.5
    """Standard deviation of u, in thresholds, to which the start weights are scaled."""
    rate_target: Annotated[Real, Field(gt=0, le=1)] | None = None
    """Spikes per neuron and step above which a layer is penalised."""
    rate_weight: Annotated[Real, Field(ge=0)] = 10.0
    overflow_weight: Annotated[Real, Field(ge=0)] = 0.0
    """Weight of the penalty for precision that a proved width takes from thresholds."""
    augmentation: AugmentationConfig | None = None
    accelerator: Literal["cpu", "gpu"] = "cpu"
    devices: Annotated[int, Field(ge=1, le=1024)] = 1
    """Number of processes, which share every batch."""

    @model_validator(mode="after")
    def _shared_out(self) -> TrainingConfig:
        if self.devices > self.batch:
            raise ValueError(f"devices = {self.devices}: must be at most batch = {self.batch}")
        return self

    @model_validator(mode="after")
    def _rate_is_punished_above_something(self) -> TrainingConfig:
        usual = type(self).model_fields["rate_weight"].default
        if self.rate_target is None and self.rate_weight != usual:
            raise ValueError(
                f"rate_weight = {self.rate_weight:g}: weighs nothing without rate_target, "
                "which must be above 0 and at most 1"
            )
        return self
