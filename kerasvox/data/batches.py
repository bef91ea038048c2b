"""The batches that training reads."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from kerasvox.data.augmentation import (
    draw_equalizer,
    draw_gains,
    draw_shift,
    draw_speed,
    equalize,
    excerpt,
    stretch_length,
)
from kerasvox.data.prefetch import ahead
from kerasvox.data.sources import ArraySources, Sources
from kerasvox.errors import DataError, UsageError


class TrainingBatches:
    """Batches of randomly cut and augmented pairs of sources, for ever.

    A batch depends on `seed` and on the number of the step alone, so a run that is resumed at a
    step reads what an uninterrupted run would have read from there on.

    Clips are drawn in proportion to their lengths, or to `weights`. An excerpt lies anywhere in its
    clip; where the clip is too short for it, the clip is repeated.

    A clip that cannot be read while a stream runs is a DataError; who reads the stream through
    something that wraps errors, as tf.data does, finds it in `fault`.

    Args:
        clips_sources: the sources of each clip: an array of shape `(2, samples)` or, for stereo,
            `(2, 2, samples)`, vocals and accompaniment; or what reads them from a file. Of stereo
            sources an example has one channel, drawn at random.
        batch_size: examples in a batch.
        samples: length of an example in samples.
        seed: 0 or more.
        circular_shift: whether the accompaniment is rotated against the voice by a random offset,
            in every example.
        remix: probability that the accompaniment comes from a clip drawn anew.
        speed: largest relative change of each source's speed (tempo and pitch), drawn for each
            source by itself, so that a change also desynchronises them; 0 is none. See
            `augmentation.draw_speed`.
        equalization: largest gain or loss in dB of the random equaliser that colours each source
            by itself; 0 is none. See `augmentation.equalize`.
        channel_swap: probability that a stereo source is read from the channel opposite to the
            one drawn, for each source by itself.
        polarity: probability that a source is turned upside down, for each source by itself.
        level: lowest and highest level of the mixtures, dBFS. See `augmentation.draw_gains`.
        weights: how often each clip is drawn, relative to the others; by default its length.
        balance: largest difference between the levels of the two sources, in dB; 0 makes
            every mixture a 0 dB one.

    Raises:
        DataError: if there is no clip, or an array is not `(2, samples)` with at least one sample.
        UsageError: if an argument is out of its range.

    Example:

    ```python
    batches = TrainingBatches(sources, batch_size=32, samples=51200, seed=0)
    model.fit(batches.stream(start=step), steps_per_epoch=100)
    ```
    """

    def __init__(
        self,
        clips_sources: Sequence[np.ndarray | Sources],
        *,
        batch_size: int,
        samples: int,
        seed: int,
        circular_shift: bool = True,
        remix: float = 0.5,
        speed: float = 0.0,
        equalization: float = 0.0,
        channel_swap: float = 0.0,
        polarity: float = 0.0,
        level: tuple[float, float] = (-30.0, -12.0),
        balance: float = 0.0,
        weights: Sequence[float] | None = None,
    ):
        if not clips_sources:
            raise DataError("there is no clip to train on")
        self._clips = [_sources(index, clip) for index, clip in enumerate(clips_sources)]
        _require(batch_size >= 1, f"batch_size is {batch_size}; it must be 1 or more")
        _require(samples >= 1, f"samples is {samples}; it must be 1 or more")
        _require(seed >= 0, f"seed is {seed}; it must be 0 or more")
        _require(0 <= remix <= 1, f"remix is {remix}; it is a probability, from 0 to 1")
        _require(0 <= speed < 1, f"speed is {speed}; it must be at least 0 and below 1")
        _require(equalization >= 0, f"equalization is {equalization}; it must be 0 dB or more")
        _require(
            0 <= channel_swap <= 1,
            f"channel_swap is {channel_swap}; it is a probability, from 0 to 1",
        )
        _require(0 <= polarity <= 1, f"polarity is {polarity}; it is a probability, from 0 to 1")
        _require(level[0] <= level[1], f"level is {level}; it must be (lowest, highest) in dBFS")
        _require(balance >= 0, f"balance is {balance}; it must be 0 dB or more")
        if weights is None:
            weights = [clip.samples for clip in self._clips]
        _require(
            len(weights) == len(self._clips) and min(weights) > 0,
            f"weights are {len(weights)} numbers from {min(weights, default=0)} on; they must be "
            f"one above 0 for each of the {len(self._clips)} clips",
        )
        # Clips are drawn by searching these for a random place on the line of all weights.
        self._ends = np.cumsum(weights)
        self._stereo = any(clip.channels > 1 for clip in self._clips)
        self.batch_size = batch_size
        self.samples = samples
        self.seed = seed
        self.circular_shift = circular_shift
        self.remix = remix
        self.speed = speed
        self.equalization = equalization
        self.channel_swap = channel_swap
        self.polarity = polarity
        self.level = level
        self.balance = balance
        self.fault: DataError | None = None

    def batch(self, step: int, worker: int = 0, workers: int = 1) -> np.ndarray:
        """Make the batch of a step, or a worker's part of it.

        The parts of all workers, one after the other, are the batch that one process makes, to
        the bit: every worker draws the same random numbers and does the work of its own rows.

        Args:
            step: the number of the step, from 0 on.
            worker: whose part, from 0 on.
            workers: among how many the batch is divided.

        Returns:
            float32 array of shape `(batch_size / workers, 2, samples)`: vocals, accompaniment.

        Raises:
            UsageError: if the workers do not divide the batch size, or there is no such worker.
        """
        rows = self._rows(worker, workers)
        batch = np.empty((len(rows), 2, self.samples), np.float32)
        draws = self._draws(step)
        for example, row in zip(batch, rows, strict=True):
            self._fill(example, draws[row])
        return batch

    def stream(
        self, start: int = 0, worker: int = 0, workers: int = 1
    ) -> Iterator[tuple[np.ndarray]]:
        """Yield `(batch,)` for the steps from `start` on, without end.

        Threads make the next batches while a step trains on this one.

        Args:
            start: the number of the first step.
            worker: whose part of each batch, see `batch`.
            workers: among how many a batch is divided.

        Raises:
            UsageError: if the workers do not divide the batch size, or there is no such worker.
        """
        self._rows(worker, workers)  # to say it now, not at the first batch
        make = partial(self._batch_or_fault, worker=worker, workers=workers)
        return ((batch,) for batch in ahead(make, itertools.count(start)))

    def clips_of(self, step: int) -> list[int]:
        """Return the numbers of the clips that the batch of a step is made of, in order."""
        draws = self._draws(step)
        return sorted({clip for draw in draws for clip in draw.clips})

    def _batch_or_fault(self, step: int, worker: int, workers: int) -> np.ndarray:
        try:
            return self.batch(step, worker, workers)
        except DataError as error:
            self.fault = error
            raise

    def _rows(self, worker: int, workers: int) -> range:
        _require(workers >= 1, f"workers is {workers}; it must be 1 or more")
        _require(
            self.batch_size % workers == 0,
            f"{workers} workers do not divide a batch of {self.batch_size}; take a batch size "
            f"that is a multiple of {workers}",
        )
        _require(0 <= worker < workers, f"worker is {worker}; it must be from 0 to {workers - 1}")
        rows = self.batch_size // workers
        return range(worker * rows, (worker + 1) * rows)

    def _draws(self, step: int) -> list["_Draw"]:
        """Draw all examples of a batch: that costs little, and the same numbers everywhere."""
        generator = np.random.default_rng([self.seed, step])
        return [self._draw(generator) for _ in range(self.batch_size)]

    def _draw(self, generator: np.random.Generator) -> "_Draw":
        clip = other = self._draw_clip(generator)
        speeds = draw_speed(self.speed, generator), draw_speed(self.speed, generator)
        start = other_start = self._draw_start(clip, speeds[0], generator)
        if generator.random() < self.remix:
            other = self._draw_clip(generator)
            other_start = self._draw_start(other, speeds[1], generator)
        if self.circular_shift:
            other_start -= draw_shift(self._clips[other].samples, generator)
        gains = draw_gains(self.level, self.balance, generator)
        equalizers = tuple(draw_equalizer(self.equalization, generator) for _ in range(2))
        # What came later draws last: without it, a seed gives the batches that it always gave.
        channels = self._draw_channels((clip, other), generator)
        units = (self._clips[clip].unit_gains, self._clips[other].unit_gains)
        gains *= [units[source][source, channel] for source, channel in enumerate(channels)]
        gains *= self._draw_polarity(generator)
        return _Draw((clip, other), channels, (start, other_start), speeds, equalizers, gains)

    def _fill(self, example: np.ndarray, draw: "_Draw") -> None:
        for source, clip in enumerate(draw.clips):
            signal = self._clips[clip].signal(source, draw.channels[source])
            cut = excerpt(signal, draw.starts[source], self.samples, draw.speeds[source])
            example[source] = equalize(cut, draw.equalizers[source])
        example *= draw.gains[:, np.newaxis].astype(np.float32)

    def _draw_channels(
        self, clips: tuple[int, int], generator: np.random.Generator
    ) -> tuple[int, int]:
        if not self._stereo:
            return 0, 0
        side = int(generator.integers(2))
        swaps = generator.random(2) < self.channel_swap
        # A mono clip among stereo ones has but one channel.
        vocals, accompaniment = (
            (side ^ int(swap)) % self._clips[clip].channels
            for clip, swap in zip(clips, swaps, strict=True)
        )
        return vocals, accompaniment

    def _draw_polarity(self, generator: np.random.Generator) -> np.ndarray:
        if not self.polarity:
            return np.ones(2)
        return np.where(generator.random(2) < self.polarity, -1.0, 1.0)

    def _draw_clip(self, generator: np.random.Generator) -> int:
        place = generator.uniform(0, self._ends[-1])
        return int(np.searchsorted(self._ends[:-1], place, side="right"))

    def _draw_start(self, clip: int, speed: float, generator: np.random.Generator) -> int:
        length = self._clips[clip].samples
        room = length - stretch_length(self.samples, speed)
        return int(generator.integers(room + 1 if room >= 0 else length))


@dataclass(frozen=True)
class _Draw:
    """What an example is made of; pairs are of vocals and accompaniment."""

    clips: tuple[int, int]
    channels: tuple[int, int]
    starts: tuple[int, int]
    speeds: tuple[float, float]
    equalizers: tuple[np.ndarray | None, ...]
    gains: np.ndarray


def _sources(index: int, clip: np.ndarray | Sources) -> Sources:
    if not isinstance(clip, np.ndarray):
        return clip
    try:
        return ArraySources(clip)
    except DataError as error:
        raise DataError(f"clip {index} {error}") from error


def _require(satisfied: bool, message: str) -> None:
    if not satisfied:
        raise UsageError(message)
