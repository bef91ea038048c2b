"""The joint deterministic time-frequency mask."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasvox")
class TimeFrequencyMask(keras.layers.Layer):
    """Ratio mask over the sources, times the mixture: a layer without weights, trained through.

    `y~_i = |y^_i| / (|y^_1| + ... + |y^_S|) * z` (Huang et al., TASLP 2015, Eq. 6), so the
    estimates of all sources sum to the mixture. Where all estimates vanish the mixture is shared
    equally: `(|y^_i| + epsilon) / (sum_j |y^_j| + S epsilon)`. Always in float32.

    Args:
        epsilon: float. Keeps 0 / 0 out; far below any magnitude that matters.

    Input shape:
        estimates: `(batch, sources, frames, bins)`, of any sign.
        mixture: `(batch, frames, bins)`.

    Output shape:
        `(batch, sources, frames, bins)`.

    Example:

    ```python
    masked = TimeFrequencyMask()(estimates, mixture)
    ```
    """

    def __init__(self, epsilon: float = 1e-7, **kwargs: Any):
        # In half precision epsilon would vanish and masks would no longer sum to one.
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.epsilon = epsilon

    def call(self, estimates: Any, mixture: Any) -> Any:
        magnitudes = ops.abs(estimates) + self.epsilon
        return magnitudes / ops.sum(magnitudes, axis=1, keepdims=True) * mixture[:, None]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}
