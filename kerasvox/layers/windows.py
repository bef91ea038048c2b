"""Analysis windows by name."""

import numpy as np

from kerasvox.errors import UsageError


def _cosine_sum(constant: float, n_fft: int) -> np.ndarray:
    return constant - (1.0 - constant) * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft)


_WINDOWS = {
    "hann": lambda n_fft: _cosine_sum(0.5, n_fft),
    "hamming": lambda n_fft: _cosine_sum(0.54, n_fft),
    # As in the DRNN authors' code: w[n] = sin(pi n / N), the square root of the periodic Hann.
    "sine": lambda n_fft: np.sin(np.pi * np.arange(n_fft) / n_fft),
}


def window(name: str, n_fft: int) -> np.ndarray:
    """Return a periodic window.

    Args:
        name: `"hann"`, `"hamming"` or `"sine"`.
        n_fft: its length in samples.

    Returns:
        float64 array of shape `(n_fft,)`.

    Raises:
        UsageError: if there is no window of that name.
    """
    if name not in _WINDOWS:
        raise UsageError(f"unknown window {name!r}; windows are {', '.join(sorted(_WINDOWS))}")
    return _WINDOWS[name](n_fft)
