"""The copy of a separator that is traced for export."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from kerasvox.errors import UsageError
from kerasvox.layers.framing import METHODS, FramedTransform
from kerasvox.models.separator import Separator


def export_twin(separator: Separator, method: str) -> Separator:
    """Return a float32 copy with the same weights, whose graph runs on any machine.

    Args:
        separator: the model; it is left as it is.
        method: how every STFT and inverse STFT computes: `"fft"` for TensorFlow, `"matmul"` for
            ONNX, where no complex number survives.

    Raises:
        UsageError: if the method is unknown.
    """
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}; methods are {', '.join(METHODS)}")
    separator.build()
    # Layers inside take the global policy, not the model's.
    with _float32():
        twin = type(separator).from_config({**separator.get_config(), "dtype": "float32"})
        twin.build()
    twin.set_weights(separator.get_weights())
    for layer in _layers(twin):
        if isinstance(layer, FramedTransform):
            layer.method = method
    without_cudnn(twin)
    return twin


def without_cudnn(model: keras.Model) -> None:
    """Keep cuDNN out of the graph of every recurrent layer, those of a Bidirectional too.

    What is traced where a GPU is visible would else hold a Cudnn op, which no CPU can run.
    """
    for layer in _layers(model):
        if hasattr(layer, "use_cudnn"):
            layer.use_cudnn = False


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    yield from model._flatten_layers(include_self=False, recursive=True)


@contextmanager
def _float32() -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
