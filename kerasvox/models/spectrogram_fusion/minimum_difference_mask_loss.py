"""The objective of the second stage."""

from typing import Any

import keras
from keras import ops

from kerasvox.models.spectrogram_fusion.minimum_difference_mask_fusion import (
    MinimumDifferenceMaskFusion,
)
from kerasvox.models.spectrogram_fusion.minimum_difference_masks import minimum_difference_labels
from kerasvox.models.spectrogram_fusion.multi_task_loss import MultiTaskLoss, squared_errors, weight


@keras.saving.register_keras_serializable(package="kerasvox")
class MinimumDifferenceMaskLoss(keras.losses.Loss):
    """Masks select the nearer spectrogram, and what is fused tends to the clean voice.

    `L_MDM = sum_i (MDM_i - label_i)^2 + beta (L_masking + L_mapping)`, and with the tendency term
    of the Interspeech paper `L_MDM-tend = L_MDM + gamma (spc_f - spc_c)^2`; each summed over the
    bins of a frame. Keras' reduction then averages over frames and batch. The labels come from the
    spectrograms that the masks select from, `L_masking` and `L_mapping` from those that the second
    stage gives. The weights of the Interspeech paper are not public; the forerunner has 1 for beta
    and no tendency term.

    Args:
        beta: float, 0 or more. Weight of the second stage's spectrograms.
        gamma: float, 0 or more. Weight of the tendency term; 0 trains without it.
        first_stage: float, 0 or more. Weight of `L_MTL` of the first stage, for training both
            stages at once; of no effect while the first one is frozen.
        alpha: float, 0 or more. Weight within that `L_MTL`.

    Input shape:
        y_true: magnitudes `(batch, sources, frames, bins)`; the first one is the clean voice.
        y_pred: `(batch, 8, frames, bins)`: mapping and masking spectrogram of the first stage;
            those that are selected from; the two masks; mapping and masking spectrogram of the
            second stage. See `SpectrogramFusionSeparator.predictions`.

    Raises:
        UsageError: if a weight is negative.

    Example:

    ```python
    loss = MinimumDifferenceMaskLoss(gamma=1.0)(sources, predictions)
    ```
    """

    def __init__(
        self,
        beta: float = 1.0,
        gamma: float = 0.0,
        first_stage: float = 0.0,
        alpha: float = 1.0,
        name: str = "minimum_difference_mask_loss",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.beta = weight("beta", beta)
        self.gamma = weight("gamma", gamma)
        self.first_stage = weight("first_stage", first_stage)
        self.multi_task = MultiTaskLoss(alpha)
        self.fusion = MinimumDifferenceMaskFusion(name="fusion")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        clean = y_true[:, 0]
        first, selected, masks, second = (y_pred[:, 2 * k : 2 * k + 2] for k in range(4))
        labels = minimum_difference_labels(selected[:, 0], selected[:, 1], clean)
        loss = ops.sum(ops.square(masks - labels), axis=(1, 3))
        loss += self.beta * ops.sum(squared_errors(clean, second), axis=1)
        if self.gamma:
            fused = self.fusion(masks, selected)
            loss += self.gamma * ops.sum(ops.square(fused - clean), axis=-1)
        if self.first_stage:
            loss += self.first_stage * self.multi_task.call(y_true, first)
        return loss

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            beta=self.beta,
            gamma=self.gamma,
            first_stage=self.first_stage,
            alpha=self.multi_task.alpha,
        )
        return config
