"""A clip: one recording with its two sources."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from kerasvox.errors import DataError

STEMS = ("vocals", "accompaniment")

# libsndfile's log of a chunk: the size in the header, and the size that the file has room for.
_DATA_CHUNK = re.compile(r"^\s*data : (\d+) \(should be (\d+)\)", re.MULTILINE)
# Programs that write to a pipe cannot know the size; they leave the largest number there is.
_UNKNOWN_SIZE = 0x7FFFF000


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
        audio, found, truncation = read_clip_file(self.path)
        if audio.shape[1] != 2:
            raise DataError(
                f"{self.path}: has {audio.shape[1]} channel(s); a clip has two, "
                "accompaniment left and vocals right"
            )
        if found != rate:
            raise DataError(f"{self.path}: its rate is {found} Hz; the model works at {rate} Hz")
        if truncation:
            raise DataError(f"{self.path}: {truncation}")
        if not len(audio):
            raise DataError(f"{self.path}: holds no samples")
        if not np.isfinite(audio).all():
            raise DataError(f"{self.path}: holds NaN or infinite samples")
        return np.ascontiguousarray(audio.T[::-1])


def read_clip_file(path: Path) -> tuple[np.ndarray, int, str | None]:
    """Read whatever a file holds, and find out whether it holds what it promises.

    libsndfile reads a WAV file that was cut off as if it were a shorter one; only its log tells.

    Args:
        path: the audio file.

    Returns:
        float32 array of shape `(samples, channels)`, the rate in Hz, and what is missing (`None`
        if nothing is).

    Raises:
        DataError: if the file cannot be read as audio.
    """
    try:
        with soundfile.SoundFile(path) as file:
            audio = file.read(dtype="float32", always_2d=True)
            rate, frames, log = file.samplerate, file.frames, file.extra_info
    except soundfile.LibsndfileError as error:
        raise DataError(f"{path}: cannot be read as audio ({_reason(path, error)})") from error
    if len(audio) < frames:
        return audio, rate, f"truncated: holds {len(audio)} of {frames} samples"
    chunk = _DATA_CHUNK.search(log)
    if chunk:
        promised, held = map(int, chunk.groups())
        if held < promised < _UNKNOWN_SIZE:
            return audio, rate, f"truncated: holds {held} of {promised} bytes of samples"
    return audio, rate, None


def _reason(path: Path, error: soundfile.LibsndfileError) -> str:
    """Return why a file could not be read; libsndfile calls all of the system's reasons one."""
    try:
        path.open("rb").close()
    except OSError as system_error:
        return str(system_error.strerror)
    return error.error_string.rstrip(".")
