"""Data sets as integers per step, and how training varies them.

All spikes fall into bins of a fixed width, because a streaming network cannot know how long a
sample will be.
"""

from rfssm.model.data import digits, ecg, images, speech, spikes
from rfssm.model.data.batches import Ahead, Batch, Epoch, augment, check_augmentation
from rfssm.model.data.spikes import read_spikes
from rfssm.model.data.split import Data, DataWarning, Split
from rfssm.model.recipe import (
    DataConfig,
    DigitsConfig,
    EcgConfig,
    FsddConfig,
    GscConfig,
    GscSpikesConfig,
    MnistConfig,
    ShdConfig,
    SscConfig,
)

__all__ = [
    "Ahead",
    "Batch",
    "Data",
    "DataWarning",
    "Epoch",
    "Split",
    "augment",
    "check_augmentation",
    "load",
    "read_spikes",
]


def load(config: DataConfig) -> Data:
    """Read a data set.  Raises DataError when its files are missing or not what they should be."""
    match config:
        case DigitsConfig():
            return digits.load()
        case FsddConfig():
            return spikes.fsdd(config)
        case ShdConfig() | SscConfig():
            return spikes.heidelberg(config)
        case GscSpikesConfig():
            return spikes.gsc(config)
        case GscConfig():
            return speech.load(config)
        case MnistConfig():
            return images.load(config)
        case EcgConfig():
            return ecg.load(config)
