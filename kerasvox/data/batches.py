"""The batches that training reads."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from kerasvox.data.augmentation import (
    circular_shift,
    draw_gains,
    draw_speed,
    equalize,
    excerpt,
    stretch_length,
    unit_gains,
)
from kerasvox.errors import DataError, UsageError


class TrainingBatches:
    """Batches of randomly cut and augmented pairs of sources, for ever.

    A batch depends on `seed` and on the number of the step alone, so a run that is resumed at a
    step reads what an uninterrupted run would have read from there on.

    Clips are drawn in proportion to their lengths, or to `weights`. An excerpt lies anywhere in its
    clip; where the clip is too short for it, the clip is repeated.

    Args:
        clips_sources: one array of shape `(2, samples)` a clip, vocals and accompaniment.
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
        clips_sources: Sequence[np.ndarray],
        *,
        batch_size: int,
        samples: int,
        seed: int,
        circular_shift: bool = True,
        remix: float = 0.5,
        speed: float = 0.0,
        equalization: float = 0.0,
        level: tuple[float, float] = (-30.0, -12.0),
        balance: float = 0.0,
        weights: Sequence[float] | None = None,
    ):
        if not clips_sources:
            raise DataError("there is no clip to train on")
        for index, sources in enumerate(clips_sources):
            if sources.ndim != 2 or sources.shape[0] != 2 or not sources.shape[1]:
                raise DataError(f"clip {index} has shape {sources.shape}; it must be (2, samples)")
        _require(batch_size >= 1, f"batch_size is {batch_size}; it must be 1 or more")
        _require(samples >= 1, f"samples is {samples}; it must be 1 or more")
        _require(seed >= 0, f"seed is {seed}; it must be 0 or more")
        _require(0 <= remix <= 1, f"remix is {remix}; it is a probability, from 0 to 1")
        _require(0 <= speed < 1, f"speed is {speed}; it must be at least 0 and below 1")
        _require(equalization >= 0, f"equalization is {equalization}; it must be 0 dB or more")
        _require(level[0] <= level[1], f"level is {level}; it must be (lowest, highest) in dBFS")
        _require(balance >= 0, f"balance is {balance}; it must be 0 dB or more")
        self._clips = clips_sources
        self._unit_gains = [unit_gains(sources) for sources in clips_sources]
        if weights is None:
            weights = [sources.shape[1] for sources in clips_sources]
        _require(
            len(weights) == len(clips_sources) and min(weights) > 0,
            f"weights are {len(weights)} numbers from {min(weights, default=0)} on; they must be "
            f"one above 0 for each of the {len(clips_sources)} clips",
        )
        # Clips are drawn by searching these for a random place on the line of all weights.
        self._ends = np.cumsum(weights)
        self.batch_size = batch_size
        self.samples = samples
        self.seed = seed
        self.circular_shift = circular_shift
        self.remix = remix
        self.speed = speed
        self.equalization = equalization
        self.level = level
        self.balance = balance

    def batch(self, step: int) -> np.ndarray:
        """Make the batch of a step.

        Args:
            step: the number of the step, from 0 on.

        Returns:
            float32 array of shape `(batch_size, 2, samples)`: vocals, accompaniment.
        """
        generator = np.random.default_rng([self.seed, step])
        batch = np.empty((self.batch_size, 2, self.samples), np.float32)
        for example in batch:
            self._fill(example, generator)
        return batch

    def stream(self, start: int = 0) -> Iterator[tuple[np.ndarray]]:
        """Yield `(batch,)` for the steps from `start` on, without end."""
        return ((self.batch(step),) for step in itertools.count(start))

    def _fill(self, example: np.ndarray, generator: np.random.Generator) -> None:
        clip = other = self._draw_clip(generator)
        speeds = [draw_speed(self.speed, generator) for _ in range(2)]
        start = other_start = self._draw_start(clip, speeds[0], generator)
        if generator.random() < self.remix:
            other = self._draw_clip(generator)
            other_start = self._draw_start(other, speeds[1], generator)
        vocals, accompaniment = self._clips[clip][0], self._clips[other][1]
        if self.circular_shift:
            accompaniment = circular_shift(accompaniment, generator)
        gains = draw_gains(self.level, self.balance, generator)
        gains *= self._unit_gains[clip][0], self._unit_gains[other][1]
        example[0] = excerpt(vocals, start, self.samples, speeds[0])
        example[1] = excerpt(accompaniment, other_start, self.samples, speeds[1])
        for source in example:
            source[:] = equalize(source, self.equalization, generator)
        example *= gains[:, np.newaxis].astype(np.float32)

    def _draw_clip(self, generator: np.random.Generator) -> int:
        place = generator.uniform(0, self._ends[-1])
        return int(np.searchsorted(self._ends[:-1], place, side="right"))

    def _draw_start(self, clip: int, speed: float, generator: np.random.Generator) -> int:
        length = self._clips[clip].shape[1]
        room = length - stretch_length(self.samples, speed)
        return int(generator.integers(room + 1 if room >= 0 else length))


def _require(satisfied: bool, message: str) -> None:
    if not satisfied:
        raise UsageError(message)
