"""A track: one song whose sources are files of their own, or streams of one file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasvox.audio.load import load
from kerasvox.audio.resampler import resample
from kerasvox.data.clip import Audio, Clip
from kerasvox.data.stem_mp4 import load_streams
from kerasvox.errors import AudioError, DataError

# The streams of a .stem.mp4 as musdb has them; the first is the mixture.
STREAMS = ("mixture", "drums", "bass", "other", "vocals")

SILENCE = 1e-3  # a peak of -60 dBFS, as in the check of MIR-1K
_TOLERANCE = 0.1  # seconds; encoders pad what they encode


@dataclass(frozen=True, order=True)
class Track(Clip):
    """A song with its vocals and all that is not vocals; mono or stereo, of any rate.

    Attributes:
        name: the track's name, that of its folder or file; `Artist - Title` names a singer.
        path: the folder of its stems, or its `.stem.mp4`.
        vocals: the file of the vocals; None if they are a stream of `path`.
        accompaniment: the files whose sum is the accompaniment.
    """

    vocals: Path | None = None
    accompaniment: tuple[Path, ...] = ()

    @property
    def song(self) -> str:
        """The track itself: it never parts."""
        return self.name

    @property
    def singer(self) -> str:
        """The artist, the part of the name before `" - "`; without one, the track's name."""
        return self.name.partition(" - ")[0]

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the track is read from, the vocals first."""
        return (self.path,) if self.vocals is None else (self.vocals, *self.accompaniment)

    def sources(self, rate: int) -> np.ndarray:
        """Read both sources, a stereo one as the mean of its channels.

        Args:
            rate: the sample rate in Hz to resample to.

        Returns:
            float32 array of shape `(2, samples)`: vocals, accompaniment.

        Raises:
            DataError: as `channels` does.
        """
        return self.channels(rate).mean(axis=1)

    def channels(self, rate: int) -> np.ndarray:
        """Read both sources with all their channels, resampled once.

        Args:
            rate: the sample rate in Hz to resample to.

        Returns:
            float32 array of shape `(2, channels, samples)`: vocals, accompaniment.

        Raises:
            DataError: as `recording` does.
        """
        pair, found = self.recording()
        if found == rate:
            return pair
        flat = pair.reshape(-1, pair.shape[-1])
        return resample(flat, found, rate).reshape(*pair.shape[:2], -1)

    def recording(self) -> Audio:
        """Read both sources at the rate that they have.

        Returns:
            float32 array of shape `(2, channels, samples)`, and its rate in Hz.

        Raises:
            DataError: if a stem cannot be read, has more than two channels, or differs from the
                vocals in rate, channels or length (by more than 0.1 s: encoders pad); or if a
                source is silent.
        """
        try:
            if self.vocals is None:
                return self._add_up(self._streams())
            return self.assemble([load(path) for path in self.files])
        except AudioError as error:
            raise DataError(str(error)) from error

    def assemble(self, audio: Sequence[Audio]) -> Audio:
        """Make both sources of what `files` hold, see `recording`.

        Args:
            audio: of each file its waveform, `(channels, samples)`, and its rate in Hz.
        """
        return self._add_up(dict(zip(self.files, audio, strict=True)))

    def _add_up(self, stems: Mapping[Any, Audio]) -> Audio:
        self._check_alike(stems)
        (vocals, found), *rest = stems.values()
        others = [stem for stem, _ in rest]
        samples = min(stem.shape[1] for stem in (vocals, *others))
        accompaniment = others[0][:, :samples].copy()
        for stem in others[1:]:
            accompaniment += stem[:, :samples]
        pair = np.stack([vocals[:, :samples], accompaniment])
        self._check_sound(*pair)
        return pair, found

    def _streams(self) -> dict[str, Audio]:
        """Return the streams of a .stem.mp4 but for the mixture, the vocals first."""
        streams, rate = load_streams(self.path)
        if len(streams) != len(STREAMS):
            raise DataError(
                f"{self.path}: has {len(streams)} audio stream(s); a .stem.mp4 has "
                f"{len(STREAMS)}: {', '.join(STREAMS)}"
            )
        *others, vocals = zip(STREAMS[1:], streams[1:], strict=True)
        return {f"{self.path}: {name}": (stem, rate) for name, stem in (vocals, *others)}

    def _check_alike(self, stems: Mapping[Any, Audio]) -> None:
        first, (vocals, rate) = next(iter(stems.items()))
        for name, (stem, found) in stems.items():
            if not 1 <= len(stem) <= 2:
                raise DataError(f"{name}: has {len(stem)} channels; stems are mono or stereo")
            if found != rate:
                raise DataError(
                    f"{name}: its rate is {found} Hz and that of {_short(first)} is {rate} Hz; "
                    "the stems of a track must have one rate"
                )
            if len(stem) != len(vocals):
                raise DataError(
                    f"{name}: has {len(stem)} channel(s) and {_short(first)} has {len(vocals)}; "
                    "the stems of a track must be all mono or all stereo"
                )
            if abs(stem.shape[1] - vocals.shape[1]) > _TOLERANCE * rate:
                raise DataError(
                    f"{name}: is {stem.shape[1] / rate:.3f} s long and {_short(first)} "
                    f"{vocals.shape[1] / rate:.3f} s; the stems of a track must be equally long"
                )
            if not stem.size:
                raise DataError(f"{name}: holds no samples")

    def _check_sound(self, vocals: np.ndarray, accompaniment: np.ndarray) -> None:
        checked = (
            ("vocals", vocals, self.files[:1]),
            ("accompaniment", accompaniment, self.files[1:]),
        )
        for source, sound, files in checked:
            if np.abs(sound).max(initial=0.0) < SILENCE:
                name = files[0] if len(files) == 1 else self.path
                raise DataError(f"{name}: silent {source}; leave the track out")


def _short(name: str | Path) -> str:
    return name.name if isinstance(name, Path) else name.rpartition(": ")[2]
