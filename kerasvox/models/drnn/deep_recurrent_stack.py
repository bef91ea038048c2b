"""The hidden layers of the deep recurrent network and its linear output."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import keras
from keras import ops

from kerasvox.errors import UsageError
from kerasvox.models.drnn.temporal_recurrence import TemporalRecurrence


@keras.saving.register_keras_serializable(package="kerasvox")
class DeepRecurrentStack(keras.layers.Layer):
    """ReLU layers, some of them recurrent, and a linear output layer (TASLP 2015, Sec. III-A).

    `recurrent_layers` names the architectures of the paper: `()` is the DNN, `(l,)` the DRNN-l
    (Eq. 1 and 2), all layers the stacked RNN (Eq. 3). Weights start as in the authors' code:
    uniform in `+-sqrt(6 / (fan_in + fan_out))`, with twice the `fan_out` in a layer with
    recurrence; biases 0.

    Args:
        outputs: int. Size of the linear output.
        units: int. Size of each hidden layer.
        depth: int. Number of hidden layers.
        recurrent_layers: sequence of int. The hidden layers with a recurrent connection, from 1.
        dropout: float in [0, 1). Share of each hidden layer's outputs that training drops on their
            way up, not on their way through time. The paper trains without.

    Input shape:
        `(batch, frames, features)`.

    Output shape:
        `(batch, frames, outputs)`.

    Raises:
        UsageError: if a size is below 1 or a recurrent layer does not exist.
    """

    def __init__(
        self,
        outputs: int,
        units: int = 1000,
        depth: int = 3,
        recurrent_layers: Sequence[int] = (2,),
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if min(outputs, units, depth) < 1:
            raise UsageError(
                "outputs, units and depth must be at least 1; "
                f"received outputs={outputs}, units={units}, depth={depth}"
            )
        if not set(recurrent_layers) <= set(range(1, depth + 1)):
            raise UsageError(
                f"recurrent_layers must name hidden layers from 1 to {depth}; "
                f"received {tuple(recurrent_layers)}"
            )
        if not 0.0 <= dropout < 1.0:
            raise UsageError(f"dropout is at least 0 and below 1; received dropout={dropout}")
        self.outputs = outputs
        self.units = units
        self.depth = depth
        self.recurrent_layers = tuple(sorted(set(recurrent_layers)))
        self.hidden = [
            keras.layers.Dense(units, name=f"hidden_{layer}") for layer in range(1, depth + 1)
        ]
        self.recurrences = [
            TemporalRecurrence(name=f"recurrence_{layer}") for layer in self.recurrent_layers
        ]
        self.dropouts = [
            keras.layers.Dropout(dropout, name=f"dropout_{layer}") for layer in range(1, depth + 1)
        ]
        self.dropout = dropout
        self.output_layer = keras.layers.Dense(outputs, name="output")

    def build(self, input_shape: tuple) -> None:
        recurrences = iter(self.recurrences)
        shape = tuple(input_shape)
        for number, dense in enumerate(self.hidden, start=1):
            recurrent = number in self.recurrent_layers
            limit = sqrt(6.0 / (shape[-1] + self.units * (2 if recurrent else 1)))
            dense.kernel_initializer = keras.initializers.RandomUniform(-limit, limit)
            dense.build(shape)
            shape = (*shape[:-1], self.units)
            if recurrent:
                next(recurrences).build(shape)
        self.output_layer.build(shape)

    def call(self, features: Any, training: bool = False) -> Any:
        outputs, _ = self._forward(features, [None] * len(self.recurrences), training=training)
        return outputs

    def resume(
        self, features: Any, states: Sequence[Any], present: Any = None
    ) -> tuple[Any, list[Any]]:
        """Go on where the last call of `resume` stopped: what a stream needs.

        Args:
            features: `(batch, frames, features)`, at least one frame.
            states: for each recurrent layer, from the lowest, its `h` before the first frame,
                `(batch, units)`; zeros at the start of a song.
            present: `(batch, frames, 1)`, 1 for a frame of the song and 0 for one before it, which
                has no input product and so leaves an `h` of 0 as it is: `relu(U 0 + 0) = 0`.

        Returns:
            The outputs, `(batch, frames, outputs)`, and the states after the last frame.
        """
        return self._forward(features, states, present)

    def _forward(
        self,
        features: Any,
        states: Sequence[Any],
        present: Any = None,
        training: bool = False,
    ) -> tuple[Any, list[Any]]:
        recurrences = iter(zip(self.recurrences, states, strict=True))
        after = []
        for number, dense in enumerate(self.hidden, start=1):
            products = dense(features)
            if number in self.recurrent_layers:
                recurrence, state = next(recurrences)
                if present is not None:
                    products = products * ops.cast(present, products.dtype)
                hidden = recurrence(products, initial_state=state, training=training)
                after.append(hidden[:, -1])
            else:
                hidden = ops.relu(products)
            features = self.dropouts[number - 1](hidden, training=training)
        return self.output_layer(features), after

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], self.outputs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            outputs=self.outputs,
            units=self.units,
            depth=self.depth,
            recurrent_layers=list(self.recurrent_layers),
            dropout=self.dropout,
        )
        return config
