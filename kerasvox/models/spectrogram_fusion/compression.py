"""Magnitudes as networks read and write them."""

from typing import Any

from keras import ops

# About the magnitude of a silent bin of 16-bit audio; without it the slope at 0 is infinite.
_FLOOR = 1e-5


def compress(magnitude: Any, power: float) -> Any:
    """Return `magnitude ** power`, with a finite slope at 0.

    Args:
        magnitude: tensor of any shape, not negative.
        power: above 0 and at most 1; 1 returns the magnitude as it is.
    """
    return magnitude if power == 1.0 else ops.power(magnitude + _FLOOR, power)


def expand(compressed: Any, power: float) -> Any:
    """Return `compressed ** (1 / power)`: the magnitude whose `compress` it would be.

    Args:
        compressed: tensor of any shape; of a negative value the sign is kept.
        power: above 0 and at most 1; 1 returns the tensor as it is.
    """
    if power == 1.0:
        return compressed
    return ops.sign(compressed) * ops.power(ops.abs(compressed), 1.0 / power)
