"""The moving average of the weights, in the model for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np


@contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Put the optimiser's average of the weights into the model, then what was there, to the bit.

    Without an average, or before its first update, nothing changes. (Keras' own callback,
    SwapEMAWeights, swaps by adding and subtracting, which rounds the weights in every epoch.)

    Args:
        model: a compiled model.
    """
    optimizer = model.optimizer
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    if not inner.use_ema or not keras.ops.convert_to_numpy(inner.iterations):
        yield
        return
    weights = _copies(model)
    inner.finalize_variable_values(model.trainable_variables)
    # Under JAX the model's variables now are the optimiser's buffers, which `predict` gives away.
    _assign(model, _copies(model))
    try:
        yield
    finally:
        _assign(model, weights)


def _copies(model: keras.Model) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(each)) for each in model.trainable_variables]


def _assign(model: keras.Model, values: list[np.ndarray]) -> None:
    for variable, value in zip(model.trainable_variables, values, strict=True):
        variable.assign(value)
