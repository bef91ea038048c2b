"""Checks of a request in the graph itself, so that every server has them."""

from contextlib import AbstractContextManager

import tensorflow as tf


def require(
    condition: tf.Tensor, template: str, values: list[tf.Tensor]
) -> AbstractContextManager[None]:
    """Refuse a request with one message, which a server passes on with status 400.

    Args:
        condition: scalar bool, what must hold.
        template: the message, with `{}` for each value.
        values: tensors.

    Returns:
        a context; what is made in it runs only after the check.

    Raises:
        tf.errors.InvalidArgumentError: when run, if the condition does not hold.
    """
    message = tf.strings.format(template, values)
    return tf.control_dependencies([tf.debugging.Assert(condition, [message])])


def checked_waveform(waveform: tf.Tensor, rate: int, max_samples: int) -> tf.Tensor:
    """Return the waveform `(batch, samples)` of a request, if it is one that can be separated."""
    batch, samples = tf.unstack(tf.shape(waveform))
    limit = f"1 to {max_samples} ({max_samples / rate:g} s at {rate} Hz)"
    with (
        require(batch >= 1, "waveform has a batch of {}; send at least 1 clip", [batch]),
        require(
            (samples >= 1) & (samples <= max_samples),
            f"waveform has {{}} samples; send {limit}",
            [samples],
        ),
        require_finite(waveform),
    ):
        return tf.identity(waveform)


def require_finite(waveform: tf.Tensor) -> AbstractContextManager[None]:
    """Refuse a waveform with NaN or infinite samples: they would spread over the whole clip."""
    strange = tf.reduce_sum(tf.cast(~tf.math.is_finite(waveform), tf.int32))
    template = "waveform has {} samples that are NaN or infinite; send finite ones"
    return require(strange == 0, template, [strange])
