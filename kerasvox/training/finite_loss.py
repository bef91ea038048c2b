"""A run that diverged ends."""

import math
from typing import Any

import keras

from kerasvox.errors import TrainingError


class FiniteLoss(keras.callbacks.Callback):
    """Ends the run after an epoch whose loss is not a finite number.

    It stands before the callbacks that score and save, so that the checkpoints before it stay the
    newest ones.

    Raises:
        TrainingError: at the end of such an epoch.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the mean loss of an epoch."""
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise TrainingError(
                f"training diverged: the loss of epoch {epoch + 1} is {loss}; checkpoints of the "
                "epochs before are kept; a lower optimizer.learning_rate is steadier"
            )
