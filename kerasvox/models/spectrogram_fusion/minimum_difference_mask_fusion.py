"""Fusion of two spectrograms by minimum difference masks."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasvox")
class MinimumDifferenceMaskFusion(keras.layers.Layer):
    """Take from each spectrogram what its mask selects, and add (ICASSP 2020, Sec. 2.3).

    `select_i = MDM_i * spc_i`, `spc_f = sum_i select_i`: the nonlinear fusion. Always in float32.

    Args:
        binary: bool. Whether the larger mask of a cell becomes 1 and the other 0, as the labels
            are; the papers find that worse than masks as they are. A tie goes to the mapping one.

    Input shape:
        masks, spectrograms: `(batch, 2, frames, bins)`, mapping and masking.

    Output shape:
        `(batch, frames, bins)`.

    Example:

    ```python
    fused = MinimumDifferenceMaskFusion()(masks, spectrograms)
    ```
    """

    def __init__(self, binary: bool = False, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.binary = binary

    def call(self, masks: Any, spectrograms: Any) -> Any:
        if self.binary:
            mapping = ops.cast(masks[:, :1] >= masks[:, 1:], masks.dtype)
            masks = ops.concatenate([mapping, 1.0 - mapping], axis=1)
        return ops.sum(masks * spectrograms, axis=1)

    def compute_output_shape(self, masks_shape: tuple, spectrograms_shape: Any = None) -> tuple:
        return (masks_shape[0], *masks_shape[2:])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "binary": self.binary}
