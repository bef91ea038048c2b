"""The check that a SavedModel's graph runs on any TensorFlow Serving."""

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from kerasvox.errors import ExportError

# They call Python of the process that traced them, which no server has.
_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


def check_graph(folder: Path) -> None:
    """Make sure that every node of every function is a standard TensorFlow op for any machine.

    Args:
        folder: of a SavedModel.

    Raises:
        ExportError: if an op needs a GPU, Python or a library of its own; the message names it.
    """
    saved = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    unfit = sorted({reason for meta in saved.meta_graphs for reason in _unfit(meta.graph_def)})
    if unfit:
        raise ExportError(f"{folder.name}: its graph cannot be served: {', '.join(unfit)}")


def _unfit(graph: tf.compat.v1.GraphDef) -> Iterator[str]:
    functions = {function.signature.name for function in graph.library.function}
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    for node in nodes:
        if "Cudnn" in node.op:
            yield f"{node.op} needs a GPU"
        elif node.op in _PYTHON:
            yield f"{node.op} calls Python"
        elif node.op not in functions and not hasattr(tf.raw_ops, node.op):
            yield f"{node.op} is no standard TensorFlow op"
        elif "GPU" in node.device:
            yield f"{node.op} is pinned to {node.device}"
