"""What all strategies of tf.distribute share."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasvox.data.batches import TrainingBatches
from kerasvox.errors import UsageError
from kerasvox.models.separator import Separator
from kerasvox.training.distribution.one_device import OneDevice
from kerasvox.training.distribution.sum_before_clipping import sum_before_clipping
from kerasvox.training.sections import Recipe


class Replicated(OneDevice):
    """Replicas of the weights on several devices, each with an equal part of every batch.

    The batch size of the recipe is the global one, and every example of a batch is what it would
    be in one process; so weights, learning rate and scores are those of one process too, but for
    rounding, and for which hidden outputs dropout drops.

    Attributes:
        worker: the number of this process.
        workers: how many processes train together.
    """

    strategy: tf.distribute.Strategy
    worker = 0
    workers = 1

    def __init__(self) -> None:
        self._copy: Separator | None = None

    def scope(self) -> AbstractContextManager[Any]:
        return self.strategy.scope()

    def prepare_optimizer(self, optimizer: keras.optimizers.Optimizer) -> None:
        sum_before_clipping(optimizer)

    def feed(self, batches: TrainingBatches, start: int) -> tf.distribute.DistributedDataset:
        """Return this process' rows of every batch, cut into equal parts for its devices.

        Each new iteration begins at the first step again, as Keras looks at a batch before it
        trains. tf.data is not asked to shard anything: each process makes its own rows.
        """
        devices = self.replicas // self.workers

        def parts() -> Iterator[tuple[np.ndarray]]:
            for (rows,) in batches.stream(start, self.worker, self.workers):
                yield from ((part,) for part in np.split(rows, devices))

        shape = (batches.batch_size // self.replicas, 2, batches.samples)
        dataset = tf.data.Dataset.from_generator(
            parts, output_signature=(tf.TensorSpec(shape, tf.float32),)
        ).prefetch(tf.data.AUTOTUNE)
        return self.strategy.distribute_datasets_from_function(lambda context: dataset)

    def local(self, separator: Separator) -> Separator:
        """Copy the weights into a separator outside of the strategy.

        Keras' `predict` gathers over all workers, which would wait for those that do not score.
        """
        if self._copy is None:
            self._copy = type(separator).from_config(separator.get_config())
            self._copy.build()
        self._copy.set_weights(separator.get_weights())
        return self._copy


def require_usable(recipe: Recipe, replicas: int) -> None:
    """Check that a recipe can be trained by several replicas.

    Raises:
        UsageError: if they would not get equal parts of a batch, or it accumulates gradients.
    """
    batch_size, accumulated = recipe.data.batch_size, recipe.optimizer.gradient_accumulation_steps
    if batch_size % replicas:
        raise UsageError(
            f"data.batch_size is {batch_size} and there are {replicas} replicas; it must be a "
            f"multiple of {replicas}, such as {-(-batch_size // replicas) * replicas}"
        )
    # Keras updates inside of a condition then, where tf.distribute cannot.
    if accumulated > 1 and replicas > 1:
        raise UsageError(
            f"optimizer.gradient_accumulation_steps is {accumulated}; with {replicas} replicas "
            "leave it out and take a larger data.batch_size, or --strategy none"
        )
