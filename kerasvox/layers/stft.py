"""The short-time Fourier transform."""

from typing import Any

import keras
from keras import ops

from kerasvox.layers.framing import FramedTransform, half_kernels


@keras.saving.register_keras_serializable(package="kerasvox")
class STFT(FramedTransform):
    """Short-time Fourier transform in real arithmetic.

    `X[t, f] = sum_n w[n] x[t hop + n] exp(-2 pi i f n / n_fft)`, real and imaginary part as two
    tensors, for no complex number survives the way to ONNX. Frames are cut by reshaping into hop
    blocks, so there is no gather and no loop, and any length works, 0 samples included.

    See `FramedTransform` for the arguments and the frame grid.

    Input shape:
        waveform: `(..., samples)`.

    Output shape:
        tuple of the real and the imaginary part, each `(..., frames, bins)` with
        `frames = ceil(samples / hop) + n_fft / hop - 1` and `bins = n_fft / 2 + 1`.

    Example:

    ```python
    real, imag = STFT(n_fft=1024, hop=512, window="sine")(waveform)
    ```
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        cosine, sine = half_kernels(self.n_fft)
        window = self._window[: self.bins, None]
        # numpy, not tensors: a tensor kept on a layer would become an input of the ONNX graph.
        self._even_kernel = (window * cosine).astype("float32")
        self._odd_kernel = (-window[1:-1] * sine).astype("float32")

    def call(self, waveform: Any) -> tuple[Any, Any]:
        frames = self._frames(waveform)
        if self.uses_fft:
            return ops.rfft(frames * self._window.astype("float32"))
        # Around its middle a frame is the sum of an even part, which alone has a cosine transform,
        # and an odd part, which alone has a sine transform: half the products of a whole DFT.
        middle = self.n_fft // 2
        first, mirrored = frames[..., 1:middle], frames[..., :middle:-1]
        ends = frames[..., :1], frames[..., middle : middle + 1]
        even = ops.concatenate([ends[0], first + mirrored, ends[1]], axis=-1)
        return ops.matmul(even, self._even_kernel), ops.matmul(first - mirrored, self._odd_kernel)

    def _frames(self, waveform: Any) -> Any:
        *leading, samples = ops.shape(waveform)
        # Both operands stay non-negative: modulo of negative integers differs in ONNX Runtime.
        blocks = (samples + self.hop - 1) // self.hop
        outer = (self.overlap - 1) * self.hop
        padding = [[0, 0]] * len(leading) + [[outer, blocks * self.hop - samples + outer]]
        padded = ops.pad(waveform, padding)
        parts = ops.reshape(padded, (*leading, blocks + 2 * (self.overlap - 1), self.hop))
        frames = blocks + self.overlap - 1
        shifted = [parts[..., k : k + frames, :] for k in range(self.overlap)]
        return ops.concatenate(shifted, axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple[tuple, tuple]:
        *leading, samples = input_shape
        frames = None if samples is None else -(-samples // self.hop) + self.overlap - 1
        shape = (*leading, frames, self.bins)
        return shape, shape
