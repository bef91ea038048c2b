"""Magnitudes as networks read them."""

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
