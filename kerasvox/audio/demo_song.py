"""A song made from nothing but arithmetic, to try things on without a download."""

import numpy as np

RATE = 44100
_BEAT = 0.5  # seconds
_CHORDS = ((45, 57, 60, 64), (41, 53, 57, 60), (48, 52, 55, 60), (43, 55, 59, 62))  # bass first
_MELODY = (69, 72, 71, 69, None, 65, 69, 72, 72, 76, 74, 72, None, 71, 74, None)  # one a beat
# Centre and width in Hz, and gain, of the formants of a sung "ah".
_FORMANTS = ((750, 110, 1.0), (1150, 130, 0.6), (2900, 200, 0.25))


def demo_song() -> tuple[np.ndarray, np.ndarray]:
    """Make a song of eight seconds: a sung melody over bass, chords and a hi-hat.

    Returns:
        vocals and accompaniment, each float32 `(2, samples)` at `RATE`, whose sum is the song and
        stays within full scale. The same every time.
    """
    voice = np.concatenate([_sung(note) for note in _MELODY])
    bars = [_bar(chord) for chord in _CHORDS]
    left, right = np.concatenate(bars, axis=1) + _hi_hat(sum(bar.shape[1] for bar in bars))
    voice *= 0.16 / voice.std()
    music = np.stack([left, right]) * (0.12 / left.std())
    peak = np.abs(music + voice).max()
    scale = min(1.0, 0.9 / peak)
    vocals = np.stack([voice, voice]) * scale
    return vocals.astype(np.float32), (music * scale).astype(np.float32)


def _time(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * RATE)) / RATE


def _hertz(note: float) -> float:
    """Return the pitch of a MIDI note."""
    return 440.0 * 2.0 ** ((note - 69) / 12)


def _sung(note: int | None) -> np.ndarray:
    """A beat of a vowel with vibrato, or a rest."""
    time = _time(_BEAT)
    if note is None:
        return np.zeros(len(time))
    pitch = _hertz(note) * (1 + 0.012 * np.sin(2 * np.pi * 5.5 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    harmonics = np.arange(1, int(5000 / _hertz(note)))
    wave = sum(_vowel(k * _hertz(note)) / k * np.sin(k * phase) for k in harmonics)
    return wave * np.minimum(1, np.minimum(time / 0.04, (_BEAT - time) / 0.06))


def _vowel(frequency: float) -> float:
    """Return the gain of the formants at a frequency."""
    return sum(
        gain / np.hypot(1, (frequency - center) / width) for center, width, gain in _FORMANTS
    )


def _bar(chord: tuple[int, ...]) -> np.ndarray:
    """Four beats of a chord, plucked on every beat, the notes spread from left to right."""
    time = _time(4 * _BEAT)
    since_pluck = time % _BEAT
    sides = np.zeros((2, len(time)))
    for note, pan in zip(chord, np.linspace(0.3, 0.7, len(chord)), strict=True):
        tone = sum(
            np.sin(2 * np.pi * k * _hertz(note) * time) * np.exp(-3 * k * since_pluck) / k**1.5
            for k in range(1, 9)
        )
        sides += np.outer([1 - pan, pan], tone * np.minimum(1, since_pluck / 0.004))
    return sides


def _hi_hat(samples: int) -> np.ndarray:
    """Bright noise on every half beat."""
    noise = np.diff(np.random.default_rng(0).normal(size=samples + 1))
    since_hit = np.arange(samples) / RATE % (_BEAT / 2)
    return 0.3 * noise * np.exp(-60 * since_hit)
