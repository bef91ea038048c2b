"""A clip: one recording with its two sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasvox.audio.load import load
from kerasvox.data.sources import ArraySources, Sources
from kerasvox.errors import AudioError, DataError

# A waveform, `(..., channels, samples)`, and its rate in Hz.
Audio = tuple[np.ndarray, int]

STEMS = ("vocals", "accompaniment")


@dataclass(frozen=True, order=True)
class Clip:
    """A two-channel file whose channels are the sources: accompaniment left, vocals right.

    Attributes:
        name: the clip's name, `<singer>_<song>_<clip>` in MIR-1K.
        path: the audio file.
    """

    name: str
    path: Path

    @property
    def song(self) -> str:
        """The song that the clip was cut from, `<singer>_<song>`: clips of it never part."""
        return self.name.rpartition("_")[0]

    @property
    def singer(self) -> str:
        """Who sings, the part of the name before the first underscore."""
        return self.name.partition("_")[0]

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the clip is read from."""
        return (self.path,)

    def sources(self, rate: int) -> np.ndarray:
        """Read both sources.

        Args:
            rate: the sample rate in Hz that the caller works at.

        Returns:
            float32 array of shape `(2, samples)`: vocals, accompaniment.

        Raises:
            DataError: if the file cannot be read or is truncated, has not two channels or another
                rate, or holds values that are not finite.
        """
        try:
            pair, found = self.assemble([load(self.path)])
        except AudioError as error:
            raise DataError(str(error)) from error
        if found != rate:
            raise DataError(f"{self.path}: its rate is {found} Hz; the model works at {rate} Hz")
        return pair[:, 0]

    def assemble(self, audio: Sequence[Audio]) -> Audio:
        """Make both sources of what `files` hold.

        Args:
            audio: of each file its waveform, `(channels, samples)`, and its rate in Hz.

        Returns:
            float32 array of shape `(2, channels, samples)`: vocals, accompaniment; and its rate.

        Raises:
            DataError: if they are not what the sources of a clip can be.
        """
        ((waveform, found),) = audio
        if len(waveform) != 2:
            raise DataError(
                f"{self.path}: has {len(waveform)} channel(s); a clip has two, "
                "accompaniment left and vocals right"
            )
        if not waveform.size:
            raise DataError(f"{self.path}: holds no samples")
        return np.ascontiguousarray(waveform[::-1])[:, np.newaxis], found

    def channels(self, rate: int) -> np.ndarray:
        """Read both sources with all their channels, float32 of shape `(2, channels, samples)`."""
        return self.sources(rate)[:, np.newaxis]

    def training_sources(self, rate: int, downmix: bool = True) -> Sources:
        """Return both sources as batches are cut from them.

        Args:
            rate: the sample rate in Hz that the model works at.
            downmix: whether stereo sources become the mean of their channels, or keep both.

        Raises:
            DataError: as `sources` does.
        """
        return ArraySources(self.sources(rate) if downmix else self.channels(rate))
