"""What is changed at random in a pair of sources before it trains: place, speed, sound, level.

Every function works on waveforms, is free of state and leaves its input as it is; whatever is
random comes from the generator that it is given.
"""

import math
from functools import lru_cache
from typing import Protocol

import numpy as np
import soxr

# Read before and after a stretch that is resampled, so that the ends of the filter are cut off.
_MARGIN = 256
_EQUALIZER_BANDS = 8
# Half of 16 kHz over the 700 Hz of the mel scale.
_MEL_BEND = 8000 / 700


class Signal(Protocol):
    """What an excerpt is cut from: a float32 array of shape `(samples,)`, or a file read as one."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitem__(self, stretch: slice, /) -> np.ndarray:
        """Return the samples of a slice without a step."""


def draw_shift(samples: int, generator: np.random.Generator) -> int:
    """Draw by how much a signal is rotated in time, from its whole length.

    Shifting the accompaniment against the voice makes a new mixture of the same two sources
    (Huang et al., TASLP 2015, Sec. IV-C, in steps of 10,000 samples). What was at sample `i` is
    then at `i` plus the offset; `excerpt` reads around the ends, so nothing needs to be moved.

    Args:
        samples: length of the signal, 1 or more.
        generator: where the offset comes from.
    """
    return int(generator.integers(samples))


def draw_speed(limit: float, generator: np.random.Generator) -> float:
    """Draw the factor by which a source plays faster, tempo and pitch together.

    It is drawn log-uniformly from `[1 / (1 + limit), 1 + limit]`, so that faster and slower are
    equally likely and equally far in semitones; `limit` 0.06 is about one semitone either way.

    Args:
        limit: the largest relative change, 0 or more; 0 means speed 1.
        generator: where the factor comes from.
    """
    if not limit:
        return 1.0
    return math.exp(math.log1p(limit) * generator.uniform(-1.0, 1.0))


def stretch_length(samples: int, speed: float) -> int:
    """Return how many samples of a source are played in `samples` samples at a speed."""
    return math.ceil(samples * speed)


def excerpt(signal: Signal, start: int, samples: int, speed: float = 1.0) -> np.ndarray:
    """Cut a stretch out of a signal that repeats for ever, and play it at a speed.

    Only the stretch itself is resampled (soxr, high quality), never the whole signal.

    Args:
        signal: array of shape `(length,)`, length at least 1, or what can be sliced as one.
        start: the first sample of the stretch; reading goes on at the signal's start once its end
            is reached, as often as needed.
        samples: how many samples come out.
        speed: above 1 is faster and higher, below 1 slower and lower.

    Returns:
        Array of shape `(samples,)`; at speed 1 it may be a view of the signal.
    """
    if speed == 1.0:
        return _read(signal, start, samples)
    stretch = _read(signal, start - _MARGIN, stretch_length(samples, speed) + 2 * _MARGIN)
    played = soxr.resample(stretch, speed, 1.0, quality="HQ")
    first = round(_MARGIN / speed)
    return played[first : first + samples]


def draw_equalizer(limit: float, generator: np.random.Generator) -> np.ndarray | None:
    """Draw the gains of an equaliser, uniformly in dB and each by itself.

    Args:
        limit: the largest gain or loss in dB, 0 or more; 0 means no equaliser.
        generator: where the gains come from.

    Returns:
        Array of eight gains in dB, or None.
    """
    return generator.uniform(-limit, limit, _EQUALIZER_BANDS) if limit else None


def equalize(signal: np.ndarray, gains: np.ndarray | None) -> np.ndarray:
    """Change the colour of a signal: a smooth gain over frequency, at equal power.

    The gains hold at frequencies that are equally far apart on the mel scale, from 0 to half the
    rate, and are joined by straight lines. It makes other microphones, rooms and voices out of
    the few that train.

    Args:
        signal: float32 array of shape `(samples,)`.
        gains: in dB, see `draw_equalizer`; None returns the signal as it is.

    Returns:
        Array of the signal's shape, dtype and power; the filter is circular, without delay.
    """
    if gains is None:
        return signal
    spectrum = np.fft.rfft(signal)
    places = _mel_places(len(spectrum))
    spectrum *= 10.0 ** (np.interp(places, np.linspace(0.0, 1.0, len(gains)), gains) / 20.0)
    coloured = np.fft.irfft(spectrum, len(signal))
    power = np.sum(np.square(coloured))
    if power == 0.0:
        return signal
    scale = np.sqrt(np.sum(np.square(signal, dtype=np.float64)) / power)
    return (scale * coloured).astype(signal.dtype)


def unit_gains(sources: np.ndarray) -> np.ndarray:
    """Return the gains that bring every source of a clip to a power of 1: a 0 dB mixture.

    Args:
        sources: array of shape `(sources, samples)`.

    Returns:
        Array of shape `(sources,)`; 0 for a silent source, which stays silent.
    """
    level = np.sqrt(np.mean(np.square(sources, dtype=np.float64), axis=-1))
    return np.divide(1.0, level, out=np.zeros_like(level), where=level > 0)


def draw_gains(
    level: tuple[float, float], balance: float, generator: np.random.Generator
) -> np.ndarray:
    """Draw the gains that set two sources of power 1 to a mixture level and a balance.

    Args:
        level: lowest and highest level of the mixture in dBFS (RMS, 0 dBFS is an RMS of 1), drawn
            uniformly in dB. It holds for the clip as a whole and for sources that are
            uncorrelated: a quiet passage stays as quiet as it is within its clip.
        balance: the voice is up to this many dB louder or softer than the accompaniment, drawn
            uniformly in dB; 0 keeps every mixture at 0 dB.
        generator: where both come from.

    Returns:
        Array of shape `(2,)`: gain of the vocals, gain of the accompaniment.
    """
    mixture_level = generator.uniform(*level)
    difference = generator.uniform(-balance, balance)
    relative = 10.0 ** (np.array([difference, -difference]) / 40.0)
    return 10.0 ** (mixture_level / 20.0) * relative / np.linalg.norm(relative)


@lru_cache(maxsize=4)
def _mel_places(bins: int) -> np.ndarray:
    """Return where the bins of a spectrum lie on the mel scale, from 0 to 1."""
    places = np.linspace(0.0, 1.0, bins)
    # mel(f) is proportional to log(1 + f / 700 Hz).
    return np.log1p(places * _MEL_BEND) / np.log1p(_MEL_BEND)


def _read(signal: Signal, start: int, samples: int) -> np.ndarray:
    start %= len(signal)
    head = signal[start : start + samples]
    missing = samples - len(head)
    if not missing:
        return head
    return np.concatenate([head, np.resize(signal[: min(missing, len(signal))], missing)])
