"""The functions of a separator that become ONNX graphs."""

from typing import Any

import tensorflow as tf

from kerasvox.models.separator import Separator

# A graph's inputs and outputs cannot share a name.
NEXT = "next_"
_WAVEFORM = ("batch", "samples")


class OfflineFunction:
    """A whole waveform in, its stems out.

    ONNX has no assertion, and ONNX Runtime ends the process where an LSTM gets an empty batch. So
    the first node reshapes the waveform to at least one row and one sample, which fails with an
    ordinary error where there are none.

    Args:
        twin: the separator, its transforms by matrix product.
    """

    def __init__(self, twin: Separator):
        self.twin = twin
        self.inputs = ["waveform"]
        self.shapes: dict[str, tuple] = dict.fromkeys(("waveform", *twin.stems), _WAVEFORM)

    def __call__(self, waveform: Any) -> dict[str, Any]:
        at_least_one = tf.maximum(tf.shape(waveform), 1)
        return self.twin(tf.reshape(waveform, at_least_one, name="batch_and_samples_at_least_1"))


class StreamingFunction:
    """The next hops of a live signal and the state in, the stems and the next state out.

    Its inputs are those of `DRNNSeparator.streaming_step`: `waveform`, `end`, and the states; its
    outputs the stems and `next_<state>` for each state, the state of the call that follows.

    A number of samples that is no multiple of the hop, or none, is an error when it is run.

    Args:
        twin: the separator, its transforms by matrix product.
    """

    def __init__(self, twin: Any):
        self.twin = twin
        self.states = {name: each.shape[1:] for name, each in twin.streaming_state(1).items()}
        self.inputs = ["waveform", "end", *self.states]
        self.shapes: dict[str, tuple] = {"waveform": _WAVEFORM, "end": ("batch",)}
        self.shapes.update({name: ("batch", *shape) for name, shape in self.states.items()})
        self.shapes.update(dict.fromkeys(twin.stems, _WAVEFORM))
        self.shapes.update({NEXT + name: self.shapes[name] for name in self.states})

    def __call__(self, waveform: Any, end: Any, *states: Any) -> dict[str, Any]:
        batch, samples = tf.unstack(tf.maximum(tf.shape(waveform), 1))
        whole = tf.maximum(samples // self.twin.alignment, 1) * self.twin.alignment
        waveform = tf.reshape(waveform, (batch, whole), name="samples_a_multiple_of_the_hop")
        state = dict(zip(self.states, states, strict=True))
        stems, after = self.twin.streaming_step(waveform, state, end)
        return {**stems, **{NEXT + name: after[name] for name in self.states}}
