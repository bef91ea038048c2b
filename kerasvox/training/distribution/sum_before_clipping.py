"""Gradients clipped once, after they are summed over the replicas."""

from collections.abc import Sequence
from typing import Any

import keras


def sum_before_clipping(optimizer: keras.optimizers.Optimizer) -> None:
    """Make an optimiser sum the replicas' gradients first, before it does anything with them.

    Keras 3 sums them last, when each replica has clipped its own part. The norm of a part is not
    that of the whole: two replicas would clip other gradients than one device at the same batch,
    and with a clip norm of 1 up to twice as late. Summed first, the replicas do exactly what one
    device does; so does the check of a loss-scaling optimiser for gradients that overflowed.

    Args:
        optimizer: changed in place; Keras' own class or one that wraps it (loss scaling).
    """
    innermost = getattr(optimizer, "inner_optimizer", optimizer)
    apply, sum_over_replicas = optimizer.apply, innermost._all_reduce_sum_gradients

    def apply_sums(grads: Sequence[Any], trainable_variables: Sequence[Any]) -> None:
        pairs = sum_over_replicas(zip(grads, trainable_variables, strict=True))
        apply([gradient for gradient, _ in pairs], trainable_variables)

    optimizer.apply = apply_sums
    innermost._all_reduce_sum_gradients = list  # they are sums already
