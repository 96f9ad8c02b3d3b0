"""The digits that are embedded in scikit-learn."""

from __future__ import annotations

import numpy as np

from rfssm.model.data.split import Data, Split, full_length


def load() -> Data:
    """8x8 images as 64 steps of one pixel; the brightest, 16, becomes 15 to fit four bits."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    x = np.minimum(images, 15).astype(np.uint8)[..., None]
    parts = train_test_split(x, labels, test_size=0.25, random_state=0, stratify=labels)
    splits = [Split(x, full_length(x), y) for x, y in (parts[0::2], parts[1::2])]
    names = tuple(str(digit) for digit in range(10))
    return Data(4, 0, x.shape[1], names, *splits)
