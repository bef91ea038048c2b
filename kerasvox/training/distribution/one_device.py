"""Training in one process on one device: what a distribution is, and the one that does nothing."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

from kerasvox.data.batches import TrainingBatches
from kerasvox.errors import TrainingError
from kerasvox.models.separator import Separator
from kerasvox.training.magnitude_training import MagnitudeTraining
from kerasvox.training.sections import Recipe

_EXHAUSTED = re.compile("ResourceExhausted|RESOURCE_EXHAUSTED")
_OF_MEMORY = re.compile(r".*(?:OOM when|out of memory|failed to allocate).*", re.IGNORECASE)


class OneDevice:
    """`--strategy none`: no tf.distribute at all, so it works under every backend.

    The other strategies derive from it and change what differs there.

    Attributes:
        name: the strategy's name on the command line.
        replicas: how many devices share a batch.
        is_chief: whether this process scores, logs and saves; one does.
    """

    name = "none"
    replicas = 1
    is_chief = True

    def start(self, recipe: Recipe, facts: Mapping[str, Any]) -> None:
        """Get all devices and workers ready; before anything of the model is made.

        Args:
            recipe: the recipe; its batch size is that of all replicas together.
            facts: what must be the same on every worker.

        Raises:
            UsageError: if the replicas do not divide a batch, or the recipe needs one device.
            TrainingError: if a worker does not come or has other facts.
        """

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which weights and optimiser are made."""
        return nullcontext()

    def training_model(self, separator: Separator) -> MagnitudeTraining:
        """Return the model to fit; called in the scope."""
        return MagnitudeTraining(separator)

    def prepare_optimizer(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Make an optimiser do over all replicas what it does in one; called in the scope."""

    def feed(self, batches: TrainingBatches, start: int) -> Any:
        """Return what `fit` reads: this process' part of the batches from a step on."""
        return batches.stream(start=start)

    def local(self, separator: Separator) -> Separator:
        """Return a separator with the weights as they are now, for use by this process alone."""
        return separator

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Return the callbacks that the distribution itself needs, after all others."""
        return []

    def run(self, training: Callable[[], None]) -> None:
        """Train, and say in one line what ended it: too little memory, a worker that is gone."""
        try:
            training()
        except Exception as error:
            if fault := _out_of_memory(error):
                raise TrainingError(
                    f"a device has too little memory ({fault}); take a smaller data.batch_size"
                ) from error
            raise

    def finish(self) -> None:
        """Wait until all workers have come here."""


def _out_of_memory(error: Exception) -> str | None:
    """Return the line of a backend's error that tells of memory; a full disk is none of it.

    TensorFlow and JAX have classes of their own for it, which are known here by name only.
    """
    if not _EXHAUSTED.search(f"{type(error).__name__} {error}"):
        return None
    line = _OF_MEMORY.search(str(error))
    return line and line[0].strip()
