"""A queue of samples, between stages that work on blocks of different sizes."""

from collections import deque

import numpy as np


class SampleFifo:
    """First in, first out, of samples of several channels.

    Blocks are kept as they came and joined only when they are read, so a queue costs no more
    than the samples in it.

    Args:
        channels: the number of rows of every block.
    """

    def __init__(self, channels: int):
        self.channels = channels
        self._blocks: deque[np.ndarray] = deque()
        self._samples = 0

    def __len__(self) -> int:
        return self._samples

    def push(self, block: np.ndarray) -> None:
        """Append a block of shape `(channels, n)`."""
        if block.shape[1]:
            self._blocks.append(block)
            self._samples += block.shape[1]

    def peek(self, count: int) -> np.ndarray:
        """Return the oldest `count` samples, shape `(channels, count)`, and keep them."""
        parts, missing = [], count
        for block in self._blocks:
            if missing <= 0:
                break
            parts.append(block[:, :missing])
            missing -= block.shape[1]
        if not parts:
            return np.zeros((self.channels, 0), np.float32)
        return np.concatenate(parts, axis=1)

    def drop(self, count: int) -> None:
        """Forget the oldest `count` samples."""
        self._samples -= count
        while count:
            first = self._blocks[0]
            if first.shape[1] > count:
                self._blocks[0] = first[:, count:]
                return
            count -= first.shape[1]
            self._blocks.popleft()

    def take(self, count: int) -> np.ndarray:
        """Return the oldest `count` samples, shape `(channels, count)`, and forget them."""
        taken = self.peek(count)
        self.drop(count)
        return taken
