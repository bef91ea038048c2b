"""What the chief decides at the end of an epoch, on all workers."""

from collections.abc import Callable
from typing import Any

import keras


class FollowChief(keras.callbacks.Callback):
    """Ends the training, and sets the learning rate, of every worker as the chief does.

    The callbacks that look at dev scores run on the chief alone: one that stops early, one that
    lowers the learning rate. If the chief alone followed them, the others would wait for its
    gradients or walk away from its weights.

    Args:
        from_chief: returns the chief's value of a number; all workers call it at once.
    """

    def __init__(self, from_chief: Callable[[float], float]):
        super().__init__()
        self.from_chief = from_chief

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Hear what the chief decided."""
        self.model.stop_training = bool(self.from_chief(float(self.model.stop_training)))
        optimizer = self.model.optimizer
        inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
        # A schedule follows the steps, which are the same everywhere; a plain rate can be set.
        if isinstance(inner._learning_rate, keras.Variable):
            rate = float(keras.ops.convert_to_numpy(inner.learning_rate))
            inner.learning_rate = self.from_chief(rate)
