"""From a traced function to an ONNX model."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from kerasvox.errors import ExportError
from kerasvox.export.onnx_recurrence import MARKER, write_rnn


def convert(function: Callable, shapes: Mapping[str, Sequence], opset: int) -> Any:
    """Translate a function to ONNX.

    Args:
        function: takes one float32 tensor an input and returns a dict of tensors.
        shapes: of each input; where a size is no number it is free.
        opset: version of ONNX's operator set.

    Returns:
        The `onnx.ModelProto`; its outputs carry the names of the dict.

    Raises:
        ExportError: if the function holds an operation that tf2onnx does not know.
    """
    from tf2onnx.convert import from_function

    inputs = [tf.TensorSpec(_sizes(shape), tf.float32, name) for name, shape in shapes.items()]
    traced = tf.function(function, input_signature=inputs, autograph=False)
    with _complaints() as complaints:
        model, _ = from_function(
            traced, inputs, opset=opset, custom_op_handlers={MARKER: (write_rnn, [])}
        )
    if complaints:
        raise ExportError(f"tf2onnx cannot translate the model: {'; '.join(complaints)}")
    return model


def _sizes(shape: Sequence) -> list[int | None]:
    return [size if isinstance(size, int) else None for size in shape]


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Keep tf2onnx' messages off the terminal, and collect its errors: it raises none of them."""
    errors: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: errors.append(" ".join(record.getMessage().split()))  # type: ignore[method-assign]
    logger = logging.getLogger("tf2onnx")
    propagate, level = logger.propagate, logger.level
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield errors
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
