"""The inverse short-time Fourier transform."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasvox.layers.framing import FramedTransform, half_kernels, overlapped_power


@keras.saving.register_keras_serializable(package="kerasvox")
class InverseSTFT(FramedTransform):
    """Inverse of `STFT`: overlap-add with the same window, exact at every length.

    `x[n] = sum_t w[n - t hop] irfft(X[t])[n - t hop] / sum_t w[n - t hop]^2`, the least-squares
    estimate of Griffin and Lim (IEEE TASSP 32(2), 1984, Eq. 6) for a spectrogram that no signal
    has. Every sample lies in `n_fft / hop` frames, so the denominator repeats with the hop and is
    folded into the synthesis window.

    See `FramedTransform` for the arguments and the frame grid.

    Input shape:
        real, imag: `(..., frames, bins)`.
        samples: int or scalar tensor, the length of the signal.

    Output shape:
        `(..., samples)`.

    Example:

    ```python
    real, imag = STFT()(waveform)
    again = InverseSTFT()(real, imag, samples=ops.shape(waveform)[-1])  # equal to waveform
    ```
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        weight = np.tile(overlapped_power(self._window, self.hop), self.overlap)
        self._synthesis_window = self._window / weight
        cosine, sine = half_kernels(self.n_fft)
        # Every bin but the first and the last stands for its mirror image, too.
        twice = np.where(np.isin(np.arange(self.bins), (0, self.bins - 1)), 1.0, 2.0)[:, None]
        scale = twice * self._synthesis_window[: self.bins] / self.n_fft
        self._even_kernel = (scale * cosine.T).astype("float32")
        self._odd_kernel = (-scale[:, 1:-1] * sine.T).astype("float32")

    def call(self, real: Any, imag: Any, samples: Any) -> Any:
        if self.uses_fft:
            frames = ops.irfft((real, imag)) * self._synthesis_window.astype("float32")
        else:
            frames = self._frames(real, imag)
        return self._overlap_add(frames)[..., :samples]

    def _frames(self, real: Any, imag: Any) -> Any:
        # The even and the odd part of each frame around its middle: see `STFT`.
        even = ops.matmul(real, self._even_kernel)
        odd = ops.matmul(imag, self._odd_kernel)
        inner = even[..., 1:-1]
        mirrored = (inner - odd)[..., ::-1]
        return ops.concatenate([even[..., :1], inner + odd, even[..., -1:], mirrored], axis=-1)

    def _overlap_add(self, frames: Any) -> Any:
        *leading, count, _ = ops.shape(frames)
        parts = ops.reshape(frames, (*leading, count, self.overlap, self.hop))
        none = [[0, 0]] * len(leading)
        blocks = sum(
            ops.pad(parts[..., k, :], [*none, [k, self.overlap - 1 - k], [0, 0]])
            for k in range(self.overlap)
        )
        kept = blocks[..., self.overlap - 1 : count, :]
        return ops.reshape(kept, (*leading, (count - self.overlap + 1) * self.hop))
