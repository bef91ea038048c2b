"""One check for every layer: what Keras and its users expect of it."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops, tree


def check_layer(
    layer: keras.layers.Layer,
    inputs: Sequence[np.ndarray],
    output_shapes: Any,
    arguments: dict[str, Any] | None = None,
    float32_always: bool = False,
    path: Any = None,
) -> Any:
    """Check shapes, symbolic call, configuration, `.keras` round trip, precision and gradient.

    Returns the layer's outputs as numpy arrays.
    """
    arguments = arguments or {}
    outputs = tree.map_structure(ops.convert_to_numpy, layer(*inputs, **arguments))
    assert tree.map_structure(lambda array: array.shape, outputs) == output_shapes
    _check_config(layer)
    _check_saved_twin(layer, inputs, arguments, outputs, path)
    _check_symbolic(layer, inputs, arguments, outputs)
    _check_mixed_precision(layer, inputs, arguments, outputs, float32_always)
    _check_gradient(layer, inputs, arguments)
    return outputs


def _check_config(layer: keras.layers.Layer) -> None:
    config = layer.get_config()
    twin = type(layer).from_config(config)
    assert twin.get_config() == config
    assert keras.saving.get_registered_name(type(layer)).startswith("kerasvox>")


def _check_saved_twin(layer: Any, inputs: Any, arguments: Any, outputs: Any, path: Any) -> None:
    entries = [keras.Input(array.shape[1:]) for array in inputs]
    model = keras.Model(entries, layer(*entries, **arguments))
    model.save(path / "layer.keras")
    twin = keras.saving.load_model(path / "layer.keras", safe_mode=True)
    again = twin(list(inputs))
    _assert_close(again, outputs, 1e-6)


def _check_symbolic(layer: Any, inputs: Any, arguments: Any, outputs: Any) -> None:
    entries = [keras.Input((None, *array.shape[2:])) for array in inputs]
    symbolic = tree.flatten(layer(*entries, **arguments))
    for tensor, array in zip(symbolic, tree.flatten(outputs), strict=True):
        assert len(tensor.shape) == array.ndim
        for size, real in zip(tensor.shape, array.shape, strict=True):
            assert size is None or size == real


def _check_mixed_precision(
    layer: Any, inputs: Any, arguments: Any, outputs: Any, float32_always: bool
) -> None:
    config = {**layer.get_config(), "dtype": "mixed_bfloat16"}
    twin = type(layer).from_config(config)
    twin(*inputs, **arguments)
    for target, source in zip(twin.weights, layer.weights, strict=True):
        target.assign(source)
        assert keras.backend.standardize_dtype(target.dtype) == "float32"
    again = twin(*inputs, **arguments)
    if float32_always:
        assert all(array.dtype == "float32" for array in tree.flatten(again))
        _assert_close(again, outputs, 1e-5)
    else:
        _assert_close(again, outputs, 0.05)


def _check_gradient(layer: Any, inputs: Any, arguments: Any) -> None:
    """Every gradient is finite, at silence too, and every weight has one."""
    import tensorflow as tf

    for scale in (1.0, 0.0):
        variables = [tf.Variable(array * scale) for array in inputs]
        with tf.GradientTape() as tape:
            outputs = tree.flatten(layer(*variables, **arguments))
            loss = sum(ops.sum(ops.square(ops.cast(output, "float32"))) for output in outputs)
        gradients = tape.gradient(loss, [*variables, *[w.value for w in layer.trainable_weights]])
        for gradient in gradients:
            assert gradient is not None
            assert np.isfinite(gradient.numpy()).all()


def _assert_close(some: Any, others: Any, tolerance: float) -> None:
    for one, other in zip(tree.flatten(some), tree.flatten(others), strict=True):
        one = ops.convert_to_numpy(ops.cast(one, "float32"))
        np.testing.assert_allclose(one, other, atol=tolerance * max(1.0, np.abs(other).max()))
