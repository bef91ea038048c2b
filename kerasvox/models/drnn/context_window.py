"""Neighbouring frames as input features."""

from typing import Any

import keras
from keras import ops

from kerasvox.errors import UsageError


@keras.saving.register_keras_serializable(package="kerasvox")
class ContextWindow(keras.layers.Layer):
    """Put each frame beside its neighbours: the network's input `x_t` (TASLP 2015, Sec. III-B).

    At both ends the edge frame is repeated, as in the authors' code.

    Args:
        size: int, odd. Frames per window; 1 leaves the input as it is.

    Input shape:
        `(batch, frames, bins)`, at least one frame.

    Output shape:
        `(batch, frames, size * bins)`, earliest neighbour first.

    Raises:
        UsageError: if `size` is even or below 1.
    """

    def __init__(self, size: int = 3, **kwargs: Any):
        super().__init__(**kwargs)
        if size < 1 or size % 2 == 0:
            raise UsageError(f"a context window has an odd number of frames; received size={size}")
        self.size = size

    def call(self, frames: Any) -> Any:
        count = ops.shape(frames)[1]
        each_side = self.size // 2
        edges = [frames[:, :1]] * each_side, [frames[:, -1:]] * each_side
        padded = ops.concatenate([*edges[0], frames, *edges[1]], axis=1)
        return ops.concatenate([padded[:, k : k + count] for k in range(self.size)], axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], self.size * input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}
