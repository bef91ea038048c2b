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

    def call(self, inputs: Any, initial_state: Any = None, training: bool = False) -> Any:
        products = ops.transpose(inputs, (1, 0, 2))
        start = ops.zeros_like(products[0]) if initial_state is None else initial_state
        kernel = ops.cast(self.recurrent_kernel, products.dtype)
        # Only training needs the gradient, which an exported graph would carry along.
        recur = _with_gradient if training else _recur
        return ops.transpose(recur(products, start, kernel), (1, 0, 2))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return tuple(input_shape)


def _recur(products: Any, start: Any, kernel: Any) -> Any:
    """Return every `h_t`, `(frames, batch, units)`."""

    def step(state: Any, product: Any) -> tuple[Any, Any]:
        state = ops.relu(ops.matmul(state, kernel) + product)
        return state, state

    return ops.scan(step, start, products)[1]


@ops.custom_gradient
def _with_gradient(products: Any, start: Any, kernel: Any) -> tuple[Any, Any]:
    """Return the same, and its gradient.

    Left to itself, a backend sums up the gradient of `U` frame by frame, a pass over a matrix of
    the size of `U` each. Here the loop on the way back makes only the gradient of `a_t`; that of
    `U` is one product over all frames.
    """
    states = _recur(products, start, kernel)

    def gradient(*given: Any, upstream: Any = None) -> tuple[Any, Any, Any]:
        to_states = given[0] if upstream is None else upstream

        def back(ahead: Any, frame: Any) -> tuple[Any, Any]:
            state, to_state = frame
            to_product = ops.where(state > 0, ops.matmul(ahead, transposed) + to_state, 0)
            return to_product, to_product

        transposed = ops.transpose(kernel)
        frames = states, to_states
        first, to_products = ops.scan(back, ops.zeros_like(start), frames, reverse=True)
        before = ops.concatenate([start[None], states[:-1]], axis=0)
        to_kernel = ops.tensordot(before, to_products, axes=((0, 1), (0, 1)))
        return to_products, ops.matmul(first, transposed), to_kernel

    return states, gradient
