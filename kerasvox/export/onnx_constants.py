"""The constants of an ONNX graph: each of them once, and none without need."""

from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

_FEW = 1024  # elements; a constant of fewer is not worth a node


def compact(model: ModelProto) -> None:
    """Compute what depends on constants alone, and keep one of several equal constants.

    tf2onnx leaves kernels in the graph of which only the shape is asked for.
    """
    graph = model.graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    results = {each.name for each in graph.output}
    kept = []
    for node in graph.node:
        folded = None if results & set(node.output) else _fold(node, constants, model)
        if folded is None:
            kept.append(node)
        else:
            constants.update(folded)
    first = _first_of_equals(constants)
    used = []
    for node in kept:
        for index, name in enumerate(node.input):
            if name in constants:
                node.input[index] = first[name]
                used.append(first[name])
    _keep(graph.node, kept)
    used += [name for name in results if name in constants]
    tensors = [numpy_helper.from_array(constants[name], name) for name in dict.fromkeys(used)]
    _keep(graph.initializer, tensors)


def store_as_float16(model: ModelProto) -> None:
    """Store in float16 what loses nothing by it; a Cast makes it float32 again.

    A runtime folds the Cast when it loads the file, so that computing stays in float32.
    The kernels of the Fourier transforms are no float16 numbers and stay as they are.
    """
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _FEW:
            continue
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if np.array_equal(half.astype(np.float32), values):
            name, stored = tensor.name, f"{tensor.name}_float16"
            tensor.CopyFrom(numpy_helper.from_array(half, stored))
            casts.append(helper.make_node("Cast", [stored], [name], name, to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    _keep(graph.node, nodes)


def _fold(node: NodeProto, constants: dict[str, np.ndarray], model: ModelProto) -> Any:
    """Return the outputs of a node whose inputs are constants, by name; else None."""
    names = [name for name in node.input if name]
    if not names or any(name not in constants for name in names):
        return None
    if node.op_type == "Cast" and constants[names[0]].size >= _FEW:
        return None
    inputs = {name: constants[name] for name in names}
    opsets = {each.domain: each.version for each in model.opset_import}
    outputs = ReferenceEvaluator(node, opsets=opsets).run(None, inputs)
    arrays = [np.asarray(each) for each in outputs]
    # An Expand, say, would make the file larger.
    if sum(each.nbytes for each in arrays) > 1024 + sum(each.nbytes for each in inputs.values()):
        return None
    return dict(zip(node.output, arrays, strict=True))


def _first_of_equals(constants: dict[str, np.ndarray]) -> dict[str, str]:
    """Return, for the name of each constant, that of the first that equals it."""
    first: dict[tuple, str] = {}
    return {
        name: first.setdefault((values.dtype.str, values.shape, values.tobytes()), name)
        for name, values in constants.items()
    }


def _keep(field: Any, items: list) -> None:
    """Set the content of a repeated field."""
    copies = [type(item)() for item in items]
    for copy, item in zip(copies, items, strict=True):
        copy.CopyFrom(item)
    del field[:]
    field.extend(copies)
