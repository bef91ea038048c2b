"""An LSTM that trains faster on CPUs."""

from functools import cache
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasvox")
class LSTM(keras.layers.LSTM):
    """Keras' LSTM, with another order of work while it trains where there is no GPU.

    `z_t = W x_t + b + U h_{t-1}`, gates and states as in Keras, and the same weights and results
    up to rounding. Keras multiplies with `W` frame by frame, and sums up the gradients of `W` and
    `U` frame by frame. Here `W x_t + b` is one product over all frames, and so are both gradients:
    on the way back the loop makes only the gradient of `z_t`. On a GPU cuDNN does the like, and
    is left to do it.

    See `keras.layers.LSTM` for the arguments and shapes.
    """

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, list[Any]]:
        """Run all frames; see `keras.layers.RNN`."""
        if not training or mask is not None or not self._is_plain or _has_gpu():
            return super().inner_loop(sequences, initial_state, mask, training)
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
        dtype = sequences.dtype
        kernel, recurrent_kernel, bias = (
            ops.cast(weight, dtype)
            for weight in (self.cell.kernel, self.cell.recurrent_kernel, self.cell.bias)
        )
        products = ops.matmul(ops.transpose(sequences, (1, 0, 2)), kernel) + bias
        start = [ops.cast(state, dtype) for state in initial_state]
        hidden, cells = _recur(products, *start, recurrent_kernel)
        outputs = ops.transpose(hidden, (1, 0, 2))
        if not self.return_sequences:
            outputs = outputs[:, -1:]
        return hidden[-1], outputs, [hidden[-1], cells[-1]]

    @property
    def _is_plain(self) -> bool:
        """Whether it has the options that `_recur` has: Keras' defaults."""
        cell = self.cell
        return (
            cell.activation is keras.activations.tanh
            and cell.recurrent_activation is keras.activations.sigmoid
            and cell.use_bias
            and not cell.dropout
            and not cell.recurrent_dropout
        )


@ops.custom_gradient
def _recur(products: Any, hidden: Any, cell: Any, kernel: Any) -> tuple[tuple[Any, Any], Any]:
    """Return the states after every frame, and their gradient.

    Args:
        products: `W x_t + b`, `(frames, batch, 4 units)`: input, forget, cell and output gate.
        hidden: `h` before the first frame, `(batch, units)`.
        cell: `c` before the first frame, `(batch, units)`.
        kernel: `U`, `(units, 4 units)`.

    Returns:
        `h` and `c` after every frame, each `(frames, batch, units)`.
    """

    def step(carried: Any, product: Any) -> tuple[Any, Any]:
        into, forget, new, out = ops.split(product + ops.matmul(carried[0], kernel), 4, axis=-1)
        into, forget, out = ops.sigmoid(into), ops.sigmoid(forget), ops.sigmoid(out)
        new = ops.tanh(new)
        memory = forget * carried[1] + into * new
        carried = out * ops.tanh(memory), memory, into, forget, new, out
        return carried, carried

    # The gates are no state: they are carried because a scan may return only what it carries.
    carried = hidden, cell, *[ops.zeros_like(cell)] * 4
    _, (hiddens, cells, into, forget, new, out) = ops.scan(step, carried, products)

    def gradient(*given: Any, upstream: Any = None) -> tuple[Any, Any, Any, Any]:
        to_hiddens, to_cells = keras.tree.flatten(given if upstream is None else upstream)
        squashed = ops.tanh(cells)
        before = ops.concatenate([cell[None], cells[:-1]], axis=0)
        transposed = ops.transpose(kernel)

        def back(carried: Any, frame: Any) -> tuple[Any, Any]:
            to_hidden, to_cell, _ = carried
            to_hidden, to_cell = to_hidden + frame["to_hidden"], to_cell + frame["to_cell"]
            to_cell = to_cell + to_hidden * frame["cell"]
            by_cell = [to_cell * frame[gate] for gate in ("into", "forget", "new")]
            to_product = ops.concatenate([*by_cell, to_hidden * frame["out"]], axis=-1)
            to_hidden = ops.matmul(to_product, transposed)
            carried = to_hidden, to_cell * frame["kept"], to_product
            return carried, carried

        frames = {
            "to_hidden": to_hiddens,
            "to_cell": to_cells,
            "kept": forget,
            # The slopes of h against c, and of c (or h) against each part of z.
            "cell": out * (1 - squashed * squashed),
            "into": new * into * (1 - into),
            "forget": before * forget * (1 - forget),
            "new": into * (1 - new * new),
            "out": squashed * out * (1 - out),
        }
        carried = ops.zeros_like(hidden), ops.zeros_like(cell), ops.zeros_like(products[0])
        (to_hidden, to_cell, _), (_, _, to_products) = ops.scan(back, carried, frames, reverse=True)
        earlier = ops.concatenate([hidden[None], hiddens[:-1]], axis=0)
        to_kernel = ops.tensordot(earlier, to_products, axes=((0, 1), (0, 1)))
        return to_products, to_hidden, to_cell, to_kernel

    return (hiddens, cells), gradient


@cache
def _has_gpu() -> bool:
    return any("gpu" in device.lower() for device in keras.distribution.list_devices())
