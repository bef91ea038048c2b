"""The objective of the first stage."""

from typing import Any

import keras
from keras import ops

from kerasvox.errors import UsageError


@keras.saving.register_keras_serializable(package="kerasvox")
class MultiTaskLoss(keras.losses.Loss):
    """Mapping and masking learn at once (ICASSP 2020, Eq. 2 and 3; Interspeech 2020).

    `L_MTL = L_mapping + alpha L_masking`, each the squared error to the clean spectrogram, summed
    over the bins of a frame. Keras' reduction then averages over frames and batch.

    Args:
        alpha: float, 0 or more. Weight of the masking spectrogram; 1 in the forerunner, not public
            for the Interspeech paper.

    Input shape:
        y_true: magnitudes `(batch, sources, frames, bins)`; the first one is the clean voice.
        y_pred: `(batch, 2, frames, bins)`: the mapping and the masking spectrogram.

    Raises:
        UsageError: if alpha is negative.

    Example:

    ```python
    loss = MultiTaskLoss(alpha=1.0)(sources, spectrograms)
    ```
    """

    def __init__(self, alpha: float = 1.0, name: str = "multi_task_loss", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.alpha = weight("alpha", alpha)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        errors = squared_errors(y_true[:, 0], y_pred)
        return errors[:, 0] + self.alpha * errors[:, 1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


def squared_errors(clean: Any, spectrograms: Any) -> Any:
    """Return `sum_f (spc_i - spc_c)^2`, the error of each spectrogram in each frame.

    Args:
        clean: `(batch, frames, bins)`.
        spectrograms: `(batch, spectrograms, frames, bins)`.

    Returns:
        `(batch, spectrograms, frames)`.
    """
    return ops.sum(ops.square(spectrograms - clean[:, None]), axis=-1)


def weight(name: str, value: float) -> float:
    """Check the weight of a term.

    Raises:
        UsageError: if it is negative or not a finite number.
    """
    if not 0.0 <= value < float("inf"):
        raise UsageError(f"{name} is a weight, 0 or more; received {value}")
    return value
