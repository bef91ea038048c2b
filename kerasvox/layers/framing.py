"""What the STFT and its inverse share: their frame grid and its checks."""

from typing import Any

import keras
import numpy as np

from kerasvox.errors import UsageError
from kerasvox.layers.windows import window

METHODS = ("auto", "fft", "matmul")


class FramedTransform(keras.layers.Layer):
    """Base of `STFT` and `InverseSTFT`: one frame grid, always in float32.

    Frame `t` covers the samples from `(t - n_fft / hop + 1) * hop` on, so every sample of the
    signal lies in exactly `n_fft / hop` frames and no end of it is tapered.

    Args:
        n_fft: int. Frame and transform length in samples, an even multiple of one or more `hop`.
        hop: int. Samples between two frames.
        window: str. `"hann"`, `"hamming"` or `"sine"`, periodic.
        method: str. `"matmul"` computes the DFT as a matrix product, which every backend, TF
            Serving and ONNX can run; `"fft"` uses the backend's FFT; `"auto"` takes the faster
            one, the FFT under TensorFlow and JAX. They agree to 1e-5.

    Raises:
        UsageError: if `n_fft` is no multiple of `hop`, or the window cannot be inverted with it.
    """

    def __init__(
        self,
        n_fft: int = 1024,
        hop: int = 512,
        window: str = "sine",
        method: str = "auto",
        **kwargs: Any,
    ):
        # A transform in half precision would lose the reconstruction: 60 dB instead of 140.
        super().__init__(**{**kwargs, "dtype": "float32", "trainable": False})
        if hop < 1 or n_fft < 2 or n_fft % 2 or n_fft % hop:
            raise UsageError(
                "n_fft must be even and a multiple of hop, and hop at least 1; "
                f"received n_fft={n_fft}, hop={hop}"
            )
        if method not in METHODS:
            raise UsageError(f"unknown method {method!r}; methods are {', '.join(METHODS)}")
        self.n_fft = n_fft
        self.hop = hop
        self.window = window
        self.method = method
        self.bins = n_fft // 2 + 1
        self.overlap = n_fft // hop
        self._window = analysis_window(window, n_fft, hop)

    @property
    def uses_fft(self) -> bool:
        """Whether the backend's FFT computes the transform."""
        if self.method == "auto":
            return keras.config.backend() in ("tensorflow", "jax")
        return self.method == "fft"

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(n_fft=self.n_fft, hop=self.hop, window=self.window, method=self.method)
        return config


def analysis_window(name: str, n_fft: int, hop: int) -> np.ndarray:
    """Return the window, checked to be invertible at this hop.

    Raises:
        UsageError: if some sample would have (almost) no weight in any frame.
    """
    values = window(name, n_fft)
    if overlapped_power(values, hop).min() < 1e-3:
        raise UsageError(
            f"the {name} window cannot be inverted with n_fft={n_fft} and hop={hop}: "
            "some samples have no weight; use a hop of n_fft / 2 or less"
        )
    return values


def overlapped_power(values: np.ndarray, hop: int) -> np.ndarray:
    """Return `sum_k w[n + k hop]^2`, shape `(hop,)`: the weight of each sample of a hop block."""
    return (values**2).reshape(-1, hop).sum(axis=0)


def half_kernels(n_fft: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the DFT of the first half of a frame; windows and DFT mirror it in the second.

    Returns:
        `cos(2 pi n f / n_fft)` for `n` from 0 to `n_fft / 2`, and `sin(2 pi n f / n_fft)` for `n`
        between them; rows are `n`, columns `f` from 0 to `n_fft / 2`.
    """
    half = np.arange(n_fft // 2 + 1)
    angle = 2.0 * np.pi * np.outer(half, half) / n_fft
    return np.cos(angle), np.sin(angle[1:-1])
