"""Decoding by soundfile (libsndfile), with the checks that libsndfile leaves out."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from kerasvox.audio.mp3 import check_mp3_is_whole

# libsndfile reads what there is of a file cut short, and only notes it in its log.
_SIZES = re.compile(r"^ *(?:data|Data Size|SSND|Riff size|riff) *: (\d+) \(should be (\d+)\)", re.M)
_OGG_ENDS = ("Last page lacks an end-of-stream bit", "without an End-Of-Stream flag")
# Decoders of MPEG audio may give up to a frame or two less than the header counts.
_MP3_SLACK = 2 * 1152
_MALFORMED = 3  # libsndfile's SF_ERR_MALFORMED_FILE: a format it knows, but broken
_HEADER = 4096  # bytes; a WAV without samples is no longer than that


class SoundfileSource:
    """An audio file opened by soundfile.

    Args:
        path: the file.

    Raises:
        ValueError: if soundfile does not know the format.
        EOFError: if the file is shorter than it says.
        OSError: if it cannot be opened.
    """

    def __init__(self, path: Path):
        self.path = path
        # A file object, not the name: libsndfile would believe an extension over the content.
        self._binary = path.open("rb")
        try:
            check_mp3_is_whole(self._binary)
            self._file = soundfile.SoundFile(self._binary)
            self.rate, self.channels = self._file.samplerate, self._file.channels
            self.format, self.subtype = self._file.format, self._file.subtype
            self.samples: int | None = self._file.frames
            self._check_is_whole()
        except soundfile.LibsndfileError as error:
            self._binary.close()
            if error.code == _MALFORMED:
                raise EOFError("its header does not fit its content") from error
            raise ValueError(str(error)) from error
        except BaseException:
            self._binary.close()
            raise

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """Yield float32 blocks of shape `(channels, n)`, n <= size.

        Raises:
            EOFError: if the data end or break before the length that the header gives.
        """
        found = 0
        while True:
            try:
                frames = self._file.read(size, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise EOFError(f"decoding breaks off after {found / self.rate:.3f} s") from error
            if not len(frames):
                break
            found += len(frames)
            yield np.ascontiguousarray(frames.T)
        slack = _MP3_SLACK if self.subtype.startswith("MPEG") else 0
        if self.samples is not None and found < self.samples - slack:
            raise EOFError(f"{self.samples} samples promised, {found} found")
        self._check_is_whole()  # of Opus the log has it only now

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._binary.close()

    def _check_is_whole(self) -> None:
        log = self._file.extra_info
        for promised, found in _SIZES.findall(log):
            # Who writes to a pipe cannot go back to enter the size, and leaves one of these.
            placeholder = int(promised) >> 16 in (0x7FFF, 0xFFFF)
            if int(promised) > int(found) and not placeholder:
                raise EOFError(f"{promised} bytes promised, {found} found")
        if self.format == "OGG" and any(end in log for end in _OGG_ENDS):
            raise EOFError("the end of its stream is missing")
        # A size of 0 is such a placeholder too, which libsndfile takes at its word.
        held = self.path.stat().st_size > _HEADER
        if self.format.startswith("WAV") and not self.samples and held:
            raise ValueError("WAV of size 0 that holds data")
