"""Files with several audio streams, as musdb's `.stem.mp4` (Native Instruments' stem format)."""

from pathlib import Path
from typing import Any

import numpy as np

from kerasvox.errors import AudioError


def load_streams(path: Path) -> tuple[list[np.ndarray], int]:
    """Decode every audio stream of a file by PyAV (FFmpeg).

    Args:
        path: the file.

    Returns:
        A float32 array of shape `(channels, samples)` for each stream, and their common rate.

    Raises:
        AudioError: if PyAV is missing, the file cannot be decoded to its end, or its streams have
            not one rate.
    """
    try:
        import av
    except ImportError as error:
        raise AudioError(f"{path}: this format needs PyAV: pip install av") from error
    try:
        with av.open(str(path)) as container:
            streams = container.streams.audio
            rates = {stream.rate for stream in streams}
            if len(rates) != 1:
                listed = ", ".join(f"{rate} Hz" for rate in sorted(rates)) or "none"
                raise AudioError(f"{path}: its audio streams have the rates {listed}; one is right")
            (rate,) = rates
            pieces: list[list[np.ndarray]] = [[] for _ in streams]
            places = {stream.index: place for place, stream in enumerate(streams)}
            converters = [av.AudioResampler(format="fltp", rate=rate) for _ in streams]
            for packet in container.demux(*streams):
                place = places[packet.stream.index]
                frames: list[Any] = packet.decode()
                for frame in frames:
                    for planar in converters[place].resample(frame):
                        pieces[place].append(planar.to_ndarray())
            for place, converter in enumerate(converters):
                pieces[place] += [planar.to_ndarray() for planar in converter.resample(None)]
            promised = [_seconds(stream) for stream in streams]
    except (av.FFmpegError, OSError) as error:
        message = getattr(error, "strerror", None) or error
        raise AudioError(f"{path}: cannot be decoded ({message})") from error
    decoded = [
        np.concatenate(piece, axis=1) if piece else np.zeros((1, 0), np.float32) for piece in pieces
    ]
    for stream, seconds in zip(decoded, promised, strict=True):
        if stream.shape[1] / rate < seconds - 0.25:
            raise AudioError(
                f"{path}: is cut short ({seconds:.3f} s promised, {stream.shape[1] / rate:.3f} s "
                "found); get it again"
            )
        if not np.isfinite(stream).all():
            raise AudioError(f"{path}: holds NaN or infinite samples")
    return decoded, rate


def _seconds(stream: object) -> float:
    """Return the length that the container gives a stream, 0 if it gives none."""
    duration, base = getattr(stream, "duration", None), getattr(stream, "time_base", None)
    return float(duration * base) if duration and base else 0.0
