"""A clip: one recording with its two sources."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasvox.audio.load import load
from kerasvox.errors import AudioError, DataError

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
            audio, found = load(self.path)
        except AudioError as error:
            raise DataError(str(error)) from error
        if len(audio) != 2:
            raise DataError(
                f"{self.path}: has {len(audio)} channel(s); a clip has two, "
                "accompaniment left and vocals right"
            )
        if found != rate:
            raise DataError(f"{self.path}: its rate is {found} Hz; the model works at {rate} Hz")
        if not audio.size:
            raise DataError(f"{self.path}: holds no samples")
        return np.ascontiguousarray(audio[::-1])
