"""Decoding by PyAV (FFmpeg): m4a, mp4, webm and whatever else soundfile does not know."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kerasvox.audio.fifo import SampleFifo
from kerasvox.errors import AudioError

# A container's duration is rounded and may count an encoder's padding.
_SLACK = 0.25  # seconds


class AVSource:
    """The first audio stream of a file, decoded by FFmpeg.

    Args:
        path: the file.

    Raises:
        ValueError: if FFmpeg finds no audio in it.
        AudioError: if PyAV is not installed.
    """

    def __init__(self, path: Path):
        try:
            import av
        except ImportError as error:
            raise AudioError(f"{path}: this format needs PyAV: pip install av") from error
        self._av: Any = av
        try:
            self._container = av.open(str(path))
        except (av.FFmpegError, OSError) as error:
            raise ValueError(str(error)) from error
        streams = self._container.streams.audio
        if not streams or not streams[0].rate or not streams[0].channels:
            self._container.close()
            raise ValueError("no audio stream")
        stream = streams[0]
        self.rate, self.channels = stream.rate, stream.channels
        self.format, self.subtype = self._container.format.name, stream.codec_context.name
        self._duration: float | None = None
        if stream.duration and stream.time_base:
            self._duration = float(stream.duration * stream.time_base)
        elif self._container.duration:
            self._duration = self._container.duration / av.time_base
        self.samples = None if self._duration is None else round(self._duration * self.rate)

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """Yield float32 blocks of shape `(channels, n)`, n <= size.

        Raises:
            EOFError: if the data end or break before the duration that the container gives.
        """
        fifo, found = SampleFifo(self.channels), 0
        for frames in self._decoded():
            found += frames.shape[1]
            fifo.push(frames)
            while len(fifo) >= size:
                yield fifo.take(size)
        if len(fifo):
            yield fifo.take(len(fifo))
        seconds = found / self.rate
        if self._duration is not None and seconds < self._duration - _SLACK:
            raise EOFError(f"{self._duration:.3f} s promised, {seconds:.3f} s found")

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _decoded(self) -> Iterator[np.ndarray]:
        """Yield decoded frames as planar floats, `(channels, n)`."""
        converter = self._av.AudioResampler(format="fltp", rate=self.rate)
        try:
            for frame in self._container.decode(audio=0):
                for planar in converter.resample(frame):
                    yield planar.to_ndarray()
            for planar in converter.resample(None):
                yield planar.to_ndarray()
        except self._av.FFmpegError as error:
            raise EOFError(f"decoding fails: {error.strerror}") from error
