"""Writing audio files, block by block."""

import contextlib
import os
from pathlib import Path

import numpy as np
import soundfile

from kerasvox.audio.mp3 import check_mp3_is_whole
from kerasvox.audio.pending import PendingFile, cannot_write
from kerasvox.errors import AudioError, UsageError

FORMATS = ("wav", "flac", "mp3")
# Bits of the subtypes that hold integers: values beyond full scale have to be clipped.
_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_UNBOUNDED = ("FLOAT", "DOUBLE")
_DEFAULT = {"wav": "PCM_16", "flac": "PCM_16", "mp3": "MPEG_LAYER_III"}


class AudioWriter(PendingFile):
    """Writes a file from blocks; it appears under its name only when all of it is written.

    Samples beyond full scale are clipped (never wrapped around) and counted, except in the
    floating-point subtypes, which hold them. A WAV that may outgrow the 4 GB its sizes can count
    is written as RF64.

    Args:
        path: the file to write.
        rate: sample rate in Hz.
        channels: number of channels.
        format: `"wav"`, `"flac"` or `"mp3"`.
        subtype: soundfile's name of the encoding, such as `"PCM_24"`. Defaults to 16 bits.
        samples: how many samples a channel will have, `None` if that is not known.

    Attributes:
        samples: samples a channel written so far.
        peak: largest magnitude written so far, before clipping; 1.0 is full scale.
        clipped: number of clipped samples so far, over all channels.

    Raises:
        UsageError: for an unknown format, or one that has no such subtype.
        AudioError: if the file cannot be written: a folder that cannot be, a full disk, a rate
            or number of channels that the format has no place for.

    Example:

    ```python
    with AudioWriter("vocals.wav", 44100, 2, "wav") as writer:
        for block in blocks:
            writer.write(block)  # (channels, n)
    ```
    """

    riff_limit = 2**32 - 2**16  # leaves room for the header

    def __init__(
        self,
        path: str | Path,
        rate: int,
        channels: int,
        format: str,
        subtype: str | None = None,
        *,
        samples: int | None = None,
    ):
        super().__init__(path)
        if format not in FORMATS:
            raise UsageError(f"unknown format {format!r}; formats are {', '.join(FORMATS)}")
        self.rate, self.channels, self.format = rate, channels, format
        self.subtype = subtype or _DEFAULT[format]
        if not soundfile.check_format(format, self.subtype):
            raise UsageError(f"{self.path}: {format} has no encoding {self.subtype}")
        self.samples, self.peak, self.clipped = 0, 0.0, 0
        self._container = format.upper()
        if format == "wav" and (samples is None or self._bytes(samples) > self.riff_limit):
            self._container = "RF64"
        self._file: soundfile.SoundFile | None = None

    def __enter__(self):
        super().__enter__()
        try:
            self._file = soundfile.SoundFile(
                self.temporary, "w", self.rate, self.channels, self.subtype, format=self._container
            )
        except (soundfile.LibsndfileError, OSError) as error:
            self.temporary.unlink(missing_ok=True)
            raise AudioError(
                f"{self.path}: {self.format} cannot hold {self.channels} channel(s) at "
                f"{self.rate} Hz; choose another format"
            ) from error
        return self

    def write(self, block: np.ndarray) -> None:
        """Append a float32 block of shape `(channels, n)`."""
        assert self._file is not None, "write() belongs inside the with statement"
        if not block.shape[1]:
            return
        self.peak = max(self.peak, float(np.abs(block).max()))
        self.samples += block.shape[1]
        if self._container == "WAV" and self._bytes(self.samples) > self.riff_limit:
            raise AudioError(f"{self.path}: longer than announced, and than a WAV can be (4 GB)")
        try:
            self._file.write(self._encoded(block).T)
        except (soundfile.LibsndfileError, AssertionError, OSError) as error:
            raise self._failed() from error

    def finish(self) -> None:
        """Write the rest and check that all is on the disk. Only renaming is left after it."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            file.close()
        except (soundfile.LibsndfileError, OSError) as error:
            raise self._failed() from error
        self.sync()
        if not self.samples and self.format != "wav":
            raise AudioError(f"{self.path}: {self.format} cannot hold zero samples; use wav")
        # Not every encoder reports what could not be written (the one of MP3 does not).
        try:
            with self.temporary.open("rb") as binary:
                check_mp3_is_whole(binary)
            found = soundfile.info(str(self.temporary)).frames
        except (soundfile.LibsndfileError, EOFError) as error:
            raise self._failed() from error
        if found != self.samples:
            raise self._failed()

    def __exit__(self, kind, error, trace) -> None:
        try:
            if kind is None:
                self.finish()
        except BaseException as failure:
            super().__exit__(type(failure), failure, failure.__traceback__)
            raise
        finally:
            self._abandon()
        super().__exit__(kind, error, trace)

    def _abandon(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            # An error says nothing new: the file is given up.
            with contextlib.suppress(soundfile.LibsndfileError, OSError):
                file.close()

    def _encoded(self, block: np.ndarray) -> np.ndarray:
        """Clip and count; integers are rounded here, because libsndfile would truncate them."""
        if self.subtype in _UNBOUNDED:
            return block
        self.clipped += int(np.count_nonzero(np.abs(block) > 1.0))
        bits = _BITS.get(self.subtype)
        if bits is None:
            return np.clip(block, -1.0, 1.0)
        full = 2.0 ** (bits - 1)
        integers = np.clip(np.rint(block * np.float64(full)), -full, full - 1)
        return integers.astype(np.int32) << np.int32(32 - bits)

    def _bytes(self, samples: int) -> int:
        width = {"FLOAT": 4, "DOUBLE": 8}.get(self.subtype, _BITS.get(self.subtype, 8) // 8)
        return samples * self.channels * width

    def _failed(self) -> AudioError:
        try:  # libsndfile does not say why; the disk may
            with self.temporary.open("ab") as file:
                file.write(bytes(65536))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            return cannot_write(self.path, error)
        return AudioError(f"{self.path}: cannot be written in full; is the disk full?")
