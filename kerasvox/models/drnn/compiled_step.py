"""The streaming step, compiled by the backend."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    from kerasvox.models.drnn.separator import DRNNSeparator


class CompiledStep(keras.Model):
    """`streaming_step` as a model, for its `predict_on_batch`: a step is one call of a graph.

    Run eagerly on two cores, a step of the published network takes about as long as its hop.

    Args:
        separator: the model; the weights are its own.

    Input shape:
        dict of `"waveform"`, `"end"` and the states: see `StreamingStep`.

    Output shape:
        dict of the stems and the new states.
    """

    def __init__(self, separator: "DRNNSeparator"):
        super().__init__(dtype="float32")
        separator.build()
        self.separator = separator
        self.built = True

    def call(self, inputs: dict[str, Any], training: bool = False) -> dict[str, Any]:
        state = dict(inputs)
        waveform, end = state.pop("waveform"), state.pop("end")
        stems, state = self.separator.streaming_step(waveform, state, end)
        return {**stems, **state}

    def warm_up(self) -> None:
        """Trace now what a stream runs: after two shapes TensorFlow has one graph for all."""
        for size in (1, 2):
            self.predict_on_batch(
                {
                    "waveform": np.zeros((size, size * self.separator.alignment), np.float32),
                    "end": np.zeros(size, np.float32),
                    **self.separator.streaming_state(size),
                }
            )
