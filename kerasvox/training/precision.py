"""Layers that compute in half precision while they train."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def layers_in(precision: str) -> Iterator[None]:
    """Make the layers that are created meanwhile compute as Keras' dtype policy of a name says.

    The STFT, the masks and the losses stay in float32 whatever the policy; so do all weights.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
