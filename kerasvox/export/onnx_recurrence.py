"""The recurrence of the DRNN as ONNX's own RNN node."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import tensorflow as tf

from kerasvox.models.drnn.deep_recurrent_stack import DeepRecurrentStack
from kerasvox.models.separator import Separator

# A TensorFlow op that takes any tensors and that no graph rewriting touches. It is never run.
MARKER = "PyFunc"
_TOKEN = b"kerasvox.TemporalRecurrence"


@contextmanager
def marked_recurrences(separator: Separator) -> Iterator[None]:
    """Let each `TemporalRecurrence` be traced as one marker op instead of a loop.

    tf2onnx would translate the loop to an ONNX Loop, several times slower than the RNN node that
    `write_rnn` makes of the marker. An RNN node also computes the input product `W x + b`, which
    is a dense layer of ours, so that moves along: inside the block the dense layer only appends a
    constant 1 to its input `x`, the marker takes `[W; b]`, and `[W; b] [x; 1] = W x + b`. Whatever
    a model scales the product by, `0` in front of a song for one, it now scales `[x; 1]` by.

    Args:
        separator: whose layers change while the block runs; of no use but for tracing meanwhile.
    """
    changed: list[Any] = []
    try:
        for dense, recurrence in _pairs(separator):
            changed += [dense, recurrence]
            dense.call = _with_one
            recurrence.call = partial(_marker, dense, recurrence)
        yield
    finally:
        for layer in changed:
            vars(layer).pop("call", None)


def write_rnn(graph: Any, node: Any, name: str, args: Any) -> None:
    """Write the RNN node of a marker: a `custom_op_handlers` entry of tf2onnx for `MARKER`."""
    from tf2onnx.graph_builder import GraphBuilder

    if node.get_attr_value("token") != _TOKEN:
        raise ValueError(f"{name} is no recurrence of ours")
    builder = GraphBuilder(graph)

    def one_direction(tensor: str, transpose: bool = False) -> str:
        if transpose:  # ONNX keeps a kernel as (units, inputs)
            tensor = graph.make_node("Transpose", [tensor], attr={"perm": [1, 0]}).output[0]
        return builder.make_unsqueeze({"data": tensor, "axes": [0]})

    inputs, kernel, recurrent_kernel, *start = node.input
    units = graph.get_shape(recurrent_kernel)[-1]
    weights = [one_direction(kernel, True), one_direction(recurrent_kernel, True)]
    # Between them are the optional bias and lengths.
    before = ["", "", one_direction(start[0])] if start else []
    rnn = graph.make_node(
        "RNN",
        [inputs, *weights, *before],
        attr={"activations": ["Relu"], "hidden_size": units},
    )
    states = builder.make_squeeze({"data": rnn.output[0], "axes": [1]})
    graph.replace_all_inputs(node.output[0], states)
    graph.remove_node(node.name)


def _pairs(separator: Separator) -> Iterator[tuple[Any, Any]]:
    """Yield each dense layer that makes input products, with the recurrence that takes them."""
    for stack in separator._flatten_layers():
        if isinstance(stack, DeepRecurrentStack):
            for number, recurrence in zip(stack.recurrent_layers, stack.recurrences, strict=True):
                yield stack.hidden[number - 1], recurrence


def _with_one(features: Any, training: bool = False) -> Any:
    return tf.concat([features, tf.ones_like(features[..., :1])], axis=-1)


def _marker(
    dense: Any, recurrence: Any, inputs: Any, initial_state: Any = None, training: bool = False
) -> Any:
    kernel = tf.concat([dense.kernel, dense.bias[None]], axis=0)
    recurrent_kernel = tf.convert_to_tensor(recurrence.recurrent_kernel)
    start = [] if initial_state is None else [initial_state]
    (states,) = tf.raw_ops.PyFunc(
        input=[tf.transpose(inputs, (1, 0, 2)), kernel, recurrent_kernel, *start],
        token=_TOKEN,
        Tout=[tf.float32],
    )
    states = tf.ensure_shape(states, (None, None, recurrent_kernel.shape[-1]))
    return tf.transpose(states, (1, 0, 2))
