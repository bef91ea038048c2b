"""What a program sees of an ONNX file: names, axes, metadata."""

from collections.abc import Mapping, Sequence
from typing import Any

from onnx import ModelProto, TensorProto, helper

import kerasvox


def describe(
    model: ModelProto, shapes: Mapping[str, Sequence], metadata: Mapping[str, Any]
) -> None:
    """Give a model its public face.

    Args:
        model: to be changed; its inputs and outputs have their names already.
        shapes: of each input and output, all float32: sizes, or names where they are free. The
            outputs are put in this order.
        metadata: written as strings, lists joined by commas.
    """
    inputs = [each.name for each in model.graph.input]
    outputs = [name for name in shapes if name not in inputs]
    for field, names in ((model.graph.input, inputs), (model.graph.output, outputs)):
        del field[:]
        field.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in names
        )
    # Lengths in between carry other names that mean the same.
    del model.graph.value_info[:]
    model.graph.name = str(metadata["model_name"])
    model.producer_name = "kerasvox"
    model.producer_version = kerasvox.__version__
    helper.set_model_props(model, {key: _text(value) for key, value in metadata.items()})


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
