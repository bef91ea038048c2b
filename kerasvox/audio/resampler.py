"""Changing the sample rate, block by block."""

import numpy as np
import soxr

from kerasvox.audio.fifo import SampleFifo


class Resampler:
    """Resamples a signal that comes in blocks; the result does not depend on how it was cut.

    The output has no delay against the input and exactly `ceil(n · to_rate / from_rate)` samples
    for an input of `n`: rounding up keeps a signal of one sample alive, and makes the way back
    (`m` samples to at least `n`) a matter of trimming. Equal rates pass blocks through untouched.

    Args:
        channels: number of channels.
        from_rate: sample rate of the input in Hz.
        to_rate: sample rate of the output in Hz.
    """

    def __init__(self, channels: int, from_rate: int, to_rate: int):
        self.channels, self.from_rate, self.to_rate = channels, from_rate, to_rate
        self._received = self._returned = 0
        self._stream = None
        if from_rate != to_rate:
            self._stream = soxr.ResampleStream(
                from_rate, to_rate, channels, dtype="float32", quality="HQ"
            )

    def push(self, block: np.ndarray) -> np.ndarray:
        """Take a block of shape `(channels, n)`, return what is ready, `(channels, m)`, m >= 0."""
        self._received += block.shape[1]
        if self._stream is None:
            return block
        return self._limited(self._stream.resample_chunk(np.ascontiguousarray(block.T)))

    def flush(self) -> np.ndarray:
        """End the signal, return its remaining samples, shape `(channels, m)`."""
        if self._stream is None:
            return np.zeros((self.channels, 0), np.float32)
        # soxr rounds the length to the nearest sample. Silence after the end lets it give the
        # one that rounding up needs, with its true value.
        silence = np.zeros((2 + 2 * self.from_rate // self.to_rate, self.channels), np.float32)
        return self._limited(self._stream.resample_chunk(silence, last=True))

    def _limited(self, frames: np.ndarray) -> np.ndarray:
        total = -(-self._received * self.to_rate // self.from_rate)
        block = frames[: total - self._returned].T
        self._returned += block.shape[1]
        return block


def resample(waveform: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Resample a whole signal.

    Args:
        waveform: float32 array of shape `(channels, samples)`.
        from_rate: its sample rate in Hz.
        to_rate: the wanted sample rate in Hz.

    Returns:
        float32 array of shape `(channels, ceil(samples · to_rate / from_rate))`.
    """
    resampler = Resampler(len(waveform), from_rate, to_rate)
    fifo = SampleFifo(len(waveform))
    fifo.push(resampler.push(waveform))
    fifo.push(resampler.flush())
    return fifo.take(len(fifo))
