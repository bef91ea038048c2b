"""A clip whose sources lie in a shard."""

from dataclasses import dataclass, field

import numpy as np

from kerasvox.data.clip import STEMS, Clip
from kerasvox.data.shards.index import ShardedClip
from kerasvox.data.shards.shard_file import ShardFile
from kerasvox.errors import DataError

_BYTES = 2  # of a sample
_FULL_SCALE = 32768.0


@dataclass(frozen=True, order=True)
class ShardClip(Clip):
    """A clip of a folder of shards.

    Attributes:
        name: the clip's name.
        path: the shard.
        entry: what the index says of it.
        file: the open shard.
        rate: of the shards, in Hz.
    """

    entry: ShardedClip = field(compare=False, repr=False, kw_only=True)
    file: ShardFile = field(compare=False, repr=False, kw_only=True)
    rate: int = field(compare=False, kw_only=True)

    @property
    def song(self) -> str:
        """The song that the clip was cut from."""
        return self.entry.song

    @property
    def singer(self) -> str:
        """Who sings."""
        return self.entry.singer

    def sources(self, rate: int) -> np.ndarray:
        """Read both sources, a stereo one as the mean of its channels: `(2, samples)`."""
        return self.channels(rate).mean(axis=1)

    def channels(self, rate: int) -> np.ndarray:
        """Read both sources with all their channels: `(2, channels, samples)`.

        Raises:
            DataError: if the shards have another rate, or the clip's shard is damaged.
        """
        self._check_rate(rate)
        signals = [
            ShardSignal(self, source, channel)[:]
            for source in range(2)
            for channel in range(self.entry.channels)
        ]
        return np.stack(signals).reshape(2, self.entry.channels, -1)

    def training_sources(self, rate: int, downmix: bool = True) -> "ShardSources":
        """Return both sources without reading them yet."""
        self._check_rate(rate)
        return ShardSources(self, downmix)

    def _check_rate(self, rate: int) -> None:
        if rate != self.rate:
            raise DataError(
                f"{self.path.parent}: its shards have a rate of {self.rate} Hz; the model works "
                f"at {rate} Hz: prepare them with --rate {rate}"
            )


class ShardSources:
    """The sources of a clip, read where and when a batch needs a stretch of them.

    Args:
        clip: whose.
        downmix: whether stereo sources are read as the mean of their channels.
    """

    def __init__(self, clip: ShardClip, downmix: bool):
        self._clip = clip
        self._downmix = downmix and clip.entry.channels > 1
        self.samples = clip.entry.samples
        self.channels = 1 if downmix else clip.entry.channels
        gains = np.array(clip.entry.unit_gains)
        self.unit_gains = gains[:, 2:] if self._downmix else gains[:, : self.channels]

    def signal(self, source: int, channel: int) -> "ShardSignal":
        """Return a channel of the vocals (0) or the accompaniment (1)."""
        return ShardSignal(self._clip, source, None if self._downmix else channel)


class ShardSignal:
    """One channel of one source, sliced as an array of shape `(samples,)` is.

    Args:
        clip: whose.
        source: 0 for the vocals, 1 for the accompaniment.
        channel: which; None for the mean of all.
    """

    def __init__(self, clip: ShardClip, source: int, channel: int | None):
        self._file, self._entry = clip.file, clip.entry
        self._stem = STEMS[source]
        everything = range(clip.entry.channels)
        self._channels = everything if channel is None else everything[channel : channel + 1]
        self._scale = np.float32(2.0**clip.entry.exponent / _FULL_SCALE)

    def __len__(self) -> int:
        return self._entry.samples

    def __getitem__(self, stretch: slice, /) -> np.ndarray:
        start, stop, _ = stretch.indices(len(self))
        stop = max(start, stop)
        channels = [self._read(channel, start, stop) for channel in self._channels]
        return channels[0] if len(channels) == 1 else np.mean(channels, axis=0)

    def _read(self, channel: int, start: int, stop: int) -> np.ndarray:
        result = np.empty(stop - start, np.float32)
        usual = self._entry.records[0].samples  # of every record but the last
        done = start
        while done < stop:
            record = self._entry.records[done // usual]
            first = done % usual
            count = min(stop - done, record.samples - first)
            place = getattr(record, self._stem) + _BYTES * (channel * record.samples + first)
            data = self._file.read(record, place, _BYTES * count)
            np.multiply(np.frombuffer(data, "<i2"), self._scale, out=result[done - start :][:count])
            done += count
        return result
