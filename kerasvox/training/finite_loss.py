"""A run that diverged ends, and says where."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from kerasvox.errors import TrainingError
from kerasvox.training.checkpoint_files import checkpoints

_STEPS = 50


class FiniteLoss(keras.callbacks.Callback):
    """Ends the run at a loss that is not a finite number.

    The loss that Keras reports is the mean of the epoch so far: once it is not finite it stays so.
    So it is looked at after every 50 steps and at the end of an epoch, and the device is not waited
    for in between; which step it was is found out afterwards. A worker of several sees the losses
    of its own rows; at the end of an epoch it sees everybody's, before the chief saves.

    It stands before the callbacks that score and save, so that the checkpoints before it stay the
    newest ones.

    Args:
        clips_of: returns the names of the clips that the batch of a step, from 0 on, is made of.
        directory: where the checkpoints are.

    Raises:
        TrainingError: at most 50 steps after such a loss, and before anything else is saved.
    """

    def __init__(self, clips_of: Callable[[int], Sequence[str]], directory: Path):
        super().__init__()
        self.clips_of = clips_of
        self.directory = directory
        self._start = 0
        self._losses: list[Any] = []  # of the steps since the last look, still on the device

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the steps of an epoch from its first one on."""
        self._start = epoch * self.params["steps"]
        self._losses = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the loss, and look at it from time to time."""
        self._losses.append((logs or {}).get("loss", 0.0))
        if len(self._losses) == _STEPS:
            self._look()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the losses that are left, and at their mean over all replicas."""
        self._look()
        everywhere = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(everywhere):
            # In an earlier step it would have spoilt the weights, and the losses here after it.
            raise TrainingError(self._message(self._start - 1, everywhere))

    def _look(self) -> None:
        if self._losses and not math.isfinite(float(self._losses[-1])):
            losses = [float(loss) for loss in self._losses]
            first = next(i for i, loss in enumerate(losses) if not math.isfinite(loss))
            raise TrainingError(self._message(self._start + first, losses[first]))
        self._start += len(self._losses)
        self._losses = []

    def _message(self, step: int, loss: float) -> str:
        saved = checkpoints(self.directory)
        kept = f"{saved[-1]} is kept" if saved else "no checkpoint was saved before it"
        return (
            f"training diverged: the loss of step {step + 1} is {loss}, its batch is made of "
            f"{', '.join(self.clips_of(step))}; {kept}; a lower optimizer.learning_rate is "
            "steadier, and `kerasvox data check` finds clips that are not sound"
        )
