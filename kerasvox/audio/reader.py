"""Reading audio files, block by block."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np

from kerasvox.audio.av_source import AVSource
from kerasvox.audio.soundfile_source import SoundfileSource
from kerasvox.errors import AudioError


class Source(Protocol):
    """What a decoder offers: soundfile's, or PyAV's for the formats that soundfile lacks."""

    rate: int
    channels: int
    subtype: str
    format: str
    samples: int | None

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """Yield float32 blocks `(channels, n)`, n <= size; raise EOFError where data lacks."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class AudioReader(AbstractContextManager):
    """An audio file of any format that soundfile or PyAV decodes, opened for reading.

    A file without samples is valid. A file that holds fewer samples than it promises is not, nor
    is one with NaN or infinite samples: both show while its blocks are read.

    Args:
        path: the file.

    Attributes:
        path: as given.
        rate: sample rate in Hz.
        channels: number of channels.
        samples: samples a channel as the file's header has it (of compressed formats it may be
            an estimate), or `None` where it does not tell.
        format: container, in soundfile's words (`"WAV"`) or else FFmpeg's.
        subtype: encoding, in soundfile's words (`"PCM_16"`) or else FFmpeg's.

    Raises:
        AudioError: if the file is missing, a folder, empty, no audio, or cut short.

    Example:

    ```python
    with AudioReader("song.flac") as reader:
        for block in reader.blocks(reader.rate):  # (channels, n), a second at a time
            ...
    ```
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._check_exists()
        try:
            self._source: Source = _open(self.path)
        except EOFError as error:
            raise self._truncated(error) from error
        except OSError as error:
            raise AudioError(f"{self.path}: cannot be read ({error.strerror or error})") from error
        except ValueError as error:
            raise AudioError(
                f"{self.path}: is not audio in a format that is known (wav, flac, mp3, ogg, "
                "m4a and the like)"
            ) from error
        self.rate, self.channels = self._source.rate, self._source.channels
        self.format, self.subtype = self._source.format, self._source.subtype
        self.samples = self._source.samples

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """Yield the samples once, in order.

        Args:
            size: samples a channel of a block; the last one may be shorter.

        Yields:
            float32 arrays of shape `(channels, n)`, full scale at +-1.

        Raises:
            AudioError: if the file ends early, is damaged, or holds NaN or infinite samples.
        """
        position = 0
        try:
            for block in self._source.blocks(size):
                if not np.isfinite(block).all():
                    seconds = (position + np.argmin(np.isfinite(block).all(axis=0))) / self.rate
                    raise AudioError(
                        f"{self.path}: holds NaN or infinite samples, the first at {seconds:.3f} s"
                    )
                position += block.shape[1]
                yield block
        except EOFError as error:
            raise self._truncated(error) from error
        except OSError as error:
            raise AudioError(f"{self.path}: cannot be read ({error.strerror or error})") from error

    def __exit__(self, *exception) -> None:
        self._source.close()

    def _check_exists(self) -> None:
        if self.path.is_dir():
            raise AudioError(f"{self.path}: is a folder; an audio file is needed")
        if not self.path.exists():
            raise AudioError(f"{self.path}: does not exist; an audio file is needed")
        if self.path.is_file() and not self.path.stat().st_size:
            raise AudioError(f"{self.path}: is empty (0 bytes); an audio file is needed")

    def _truncated(self, error: EOFError) -> AudioError:
        return AudioError(f"{self.path}: is cut short or damaged ({error}); get it again")


def _open(path: Path) -> Source:
    """Open by soundfile, or by PyAV where soundfile does not know the format.

    Raises:
        ValueError: if neither knows it.
        EOFError: if the file is known to end early.
    """
    try:
        return SoundfileSource(path)
    except ValueError:
        return AVSource(path)
