"""The two sources of a clip, as training reads them: a channel at a time, a stretch at a time."""

from typing import Protocol

import numpy as np

from kerasvox.data.augmentation import Signal, unit_gains
from kerasvox.errors import DataError


class Sources(Protocol):
    """What batches are cut from.

    Attributes:
        samples: length of both sources.
        channels: how many each has, 1 or 2.
        unit_gains: array of shape `(2, channels)`, see `augmentation.unit_gains`.
    """

    samples: int
    channels: int
    unit_gains: np.ndarray

    def signal(self, source: int, channel: int) -> Signal:
        """Return a channel of the vocals (0) or the accompaniment (1)."""


class ArraySources:
    """Sources that are held in memory.

    Args:
        array: float array of shape `(2, samples)` or `(2, channels, samples)`.

    Raises:
        DataError: if it has another shape or no samples.
    """

    def __init__(self, array: np.ndarray):
        if array.ndim not in (2, 3) or len(array) != 2 or not array.size:
            raise DataError(f"has shape {array.shape}; it must be (2, samples)")
        self._array = array.reshape(2, -1, array.shape[-1])
        self.channels, self.samples = self._array.shape[1:]
        self.unit_gains = unit_gains(self._array)

    def signal(self, source: int, channel: int) -> np.ndarray:
        """Return a channel of the vocals (0) or the accompaniment (1)."""
        return self._array[source, channel]
