"""The magnitude of a spectrum given by its real and imaginary part."""

from typing import Any

from keras import ops

# Far below any audible magnitude, but enough to give the square root a finite slope at silence.
_TINY = 1e-20


def magnitude(real: Any, imag: Any) -> Any:
    """Return `sqrt(real^2 + imag^2)`, positive and with a finite gradient everywhere.

    Args:
        real: tensor of any shape.
        imag: tensor of the same shape.
    """
    return ops.sqrt(ops.square(real) + ops.square(imag) + _TINY)
