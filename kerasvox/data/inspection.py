"""What one clip of a data set looks like, and what is wrong with it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasvox.audio.load import load
from kerasvox.audio.printable import printable
from kerasvox.errors import AudioError

# Channel 0 and channel 1 of a clip's file.
_CHANNELS = ("accompaniment (left channel)", "vocals (right channel)")

_SILENCE = 1e-3  # a peak of -60 dBFS; the quietest source of MIR-1K peaks at -11 dBFS
_FULL_SCALE = 32766 / 32768
_CLIPPED_RUN = 3  # shorter runs of full-scale samples are peaks, not plateaus
_FRAME = 512
_FRAMES_TO_JUDGE = 30
_DEPTH_LIMIT = 60.0  # dB; below that it is the recorder that one measures
_SWAPPED_DEPTH = 8.0  # dB; on MIR-1K's 1000 clips the largest difference in good order is 5.2 dB


@dataclass(frozen=True)
class Finding:
    """Something wrong with a file of a data set.

    Attributes:
        severity: `"error"` if the clip cannot be used as it is, else `"warning"`.
        kind: one word a program can match, such as `"unreadable"`.
        path: the file, or the folder where it concerns the whole data set.
        message: what was found.
    """

    severity: str
    kind: str
    path: Path
    message: str

    def __str__(self) -> str:
        return f"{self.severity}: {printable(self.path)}: {self.message}"


@dataclass(frozen=True)
class Inspection:
    """What one audio file holds.

    Attributes:
        path: the file.
        rate: in Hz; 0 if the file cannot be read, as the numbers below.
        channels: how many.
        samples: samples in each channel.
        digest: SHA-256 of the decoded samples; empty if there are none.
        findings: what is wrong with the file by itself.
    """

    path: Path
    rate: int = 0
    channels: int = 0
    samples: int = 0
    digest: str = ""
    findings: tuple[Finding, ...] = ()


def inspect_clip(path: Path, rate: int) -> Inspection:
    """Read one clip's file and look for everything that can be wrong with it alone.

    Args:
        path: the audio file: accompaniment left, vocals right.
        rate: the rate in Hz that it should have.
    """
    try:
        waveform, found_rate = load(path)
    except AudioError as error:
        message = str(error).removeprefix(f"{path}: ")
        return Inspection(path, findings=(Finding("error", "unreadable", path, message),))
    audio = np.ascontiguousarray(waveform.T)
    problems = [*_format_problems(audio, found_rate, rate), *_signal_problems(audio)]
    return Inspection(
        path=path,
        rate=found_rate,
        channels=audio.shape[1],
        samples=len(audio),
        digest=hashlib.sha256(audio.data).hexdigest() if len(audio) else "",
        findings=tuple(Finding(severity, kind, path, text) for severity, kind, text in problems),
    )


def pause_depth(signal: np.ndarray) -> float:
    """Measure how far a signal falls in its pauses.

    Args:
        signal: array of shape `(samples,)`, at least one frame of 512 samples.

    Returns:
        Level of the whole signal over the level that its quietest tenth of frames stays below, in
        dB, at most 60.
    """
    frames = signal[: len(signal) // _FRAME * _FRAME].reshape(-1, _FRAME)
    powers = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / _FRAME
    mean = float(powers.mean())
    quiet = max(float(np.percentile(powers, 10)), mean * 10 ** (-_DEPTH_LIMIT / 10))
    return 10.0 * float(np.log10(mean / quiet)) if mean > 0 else 0.0


def looks_swapped(audio: np.ndarray) -> bool:
    """Guess whether the voice is on the left, where the accompaniment belongs.

    A singer breathes and rests while the accompaniment plays on, so the voice has the deeper
    pauses. On the 1000 clips of MIR-1K that holds for 987; 8 dB or more apart are 920 of them,
    and none the other way round.

    Args:
        audio: array of shape `(samples, 2)`, neither channel silent.
    """
    if len(audio) < _FRAMES_TO_JUDGE * _FRAME:
        return False
    left, right = (pause_depth(channel) for channel in np.ascontiguousarray(audio.T))
    return left - right > _SWAPPED_DEPTH


def _format_problems(
    audio: np.ndarray, found_rate: int, rate: int
) -> Iterator[tuple[str, str, str]]:
    if found_rate != rate:
        yield "error", "rate", f"its rate is {found_rate} Hz, not {rate} Hz"
    if audio.shape[1] != 2:
        yield "error", "channels", f"has {audio.shape[1]} channel(s), not 2"
    if not len(audio):
        yield "error", "empty", "holds no samples"


def _signal_problems(audio: np.ndarray) -> Iterator[tuple[str, str, str]]:
    if not len(audio) or audio.shape[1] != 2:
        return
    peaks = np.abs(audio).max(axis=0)
    for name, channel, peak in zip(_CHANNELS, audio.T, peaks, strict=True):
        if peak < _SILENCE:
            yield "error", "silent", f"{name} is silent"
        elif peak >= _FULL_SCALE and (longest := _longest_run(np.abs(channel) >= _FULL_SCALE)):
            yield "warning", "clipped", f"{name} is clipped, {longest} samples at a stretch"
    if np.array_equal(audio[:, 0], audio[:, 1]):
        yield "error", "equal-channels", "both channels are the same"
    elif (peaks >= _SILENCE).all() and looks_swapped(audio):
        yield "warning", "swapped", "left looks like the voice and right like the accompaniment"


def _longest_run(flags: np.ndarray) -> int:
    """Return the length of the longest run of true values, 0 if it is too short to matter."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    longest = int((edges[1::2] - edges[::2]).max())
    return longest if longest >= _CLIPPED_RUN else 0
