"""A whole audio file as an array."""

from pathlib import Path

import numpy as np

from kerasvox.audio.reader import AudioReader
from kerasvox.audio.resampler import resample

_BLOCK = 1 << 16  # samples


def load(path: str | Path, rate: int | None = None) -> tuple[np.ndarray, int]:
    """Read a whole file.

    Args:
        path: an audio file of any format that `AudioReader` opens.
        rate: sample rate in Hz to resample to; `None` keeps the file's own.

    Returns:
        float32 array of shape `(channels, samples)`, and its sample rate in Hz.

    Raises:
        AudioError: if the file cannot be read.
    """
    with AudioReader(path) as reader:
        none = np.zeros((reader.channels, 0), np.float32)
        waveform = np.concatenate([none, *reader.blocks(_BLOCK)], axis=1)
        found = reader.rate
    if rate is None or rate == found:
        return waveform, found
    return resample(waveform, found, rate), rate
