"""The recurrent connection of one hidden layer."""

from math import sqrt
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasvox")
class TemporalRecurrence(keras.layers.Layer):
    """`h_t = relu(U h_{t-1} + a_t)`, forward in time (TASLP 2015, Eq. 1).

    The input product `a_t = W x_t + b` is none of its business: one dense layer computes it for
    all frames at once, so that only the product with `U` is left in the loop.

    `U` starts uniform in `+-sqrt(6 / (3 units))`, as in the authors' code.

    Input shape:
        inputs: `(batch, frames, units)`, the input products `a_t`; at least one frame.
        initial_state: `(batch, units)`, the `h` before the first frame; 0 where it is left out.

    Output shape:
        `(batch, frames, units)`.
    """

    def build(self, input_shape: tuple) -> None:
        units = input_shape[-1]
        limit = sqrt(6.0 / (3 * units))
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(units, units),
            initializer=keras.initializers.RandomUniform(-limit, limit),
        )

    def call(self, inputs: Any, initial_state: Any = None) -> Any:
        def step(state: Any, product: Any) -> tuple[Any, Any]:
            state = ops.relu(ops.matmul(state, self.recurrent_kernel) + product)
            return state, state

        products = ops.transpose(inputs, (1, 0, 2))
        start = ops.zeros_like(products[0]) if initial_state is None else initial_state
        _, states = ops.scan(step, start, products)
        return ops.transpose(states, (1, 0, 2))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return tuple(input_shape)
