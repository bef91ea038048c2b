"""The phase of the linear fusion's waveform."""

from typing import Any

import keras

from kerasvox.errors import UsageError
from kerasvox.layers.inverse_stft import InverseSTFT
from kerasvox.layers.magnitude import magnitude
from kerasvox.layers.stft import STFT


@keras.saving.register_keras_serializable(package="kerasvox")
class LinearFusionPhase(keras.layers.Layer):
    """Phase of the waveform that the linear fusion and the mixture's phase make.

    `x = iSTFT(spc_LSF exp(j angle(X)))`, and the phase is that of `STFT(x)` (Interspeech 2020,
    third contribution). A spectrogram that no signal has becomes that of a signal, so the phase
    fits the voice better than the mixture's. More iterations repeat the two steps with the phase
    found, as Griffin and Lim do (IEEE TASSP 32(2), 1984); the paper's words tell of one.

    The phase is a pair of cosine and sine, `re / |X|` and `im / |X|`: no angle is computed, and
    where a spectrum is 0 both are 0. Always in float32.

    Args:
        n_fft, hop, window: of the STFT that the magnitude belongs to.
        iterations: int, 0 or more. 0 returns the mixture's phase.

    Input shape:
        fused: magnitude of the linear fusion, `(batch, frames, bins)`.
        real, imag: spectrum of the mixture, `(batch, frames, bins)`.
        samples: int or scalar tensor, the length of the signal.

    Output shape:
        tuple of cosine and sine, each `(batch, frames, bins)`.

    Raises:
        UsageError: if iterations is negative, or the STFT cannot be inverted.

    Example:

    ```python
    cosine, sine = LinearFusionPhase(512, 256, "hamming")(fused, real, imag, samples=48000)
    ```
    """

    def __init__(
        self,
        n_fft: int = 512,
        hop: int = 256,
        window: str = "hamming",
        iterations: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**{**kwargs, "dtype": "float32", "trainable": False})
        if iterations < 0:
            raise UsageError(f"iterations is 0 or more; received {iterations}")
        self.stft = STFT(n_fft, hop, window, name="stft")
        self.inverse_stft = InverseSTFT(n_fft, hop, window, name="inverse_stft")
        self.iterations = iterations

    def build(self, *shapes: Any, **names: Any) -> None:
        """Nothing to build: the transforms have no weights."""

    def call(self, fused: Any, real: Any, imag: Any, samples: Any) -> tuple[Any, Any]:
        cosine, sine = phasor(real, imag)
        for _ in range(self.iterations):
            waveform = self.inverse_stft(fused * cosine, fused * sine, samples=samples)
            cosine, sine = phasor(*self.stft(waveform))
        return cosine, sine

    def compute_output_shape(self, fused_shape: tuple, *others: Any, **names: Any) -> Any:
        return tuple(fused_shape), tuple(fused_shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            n_fft=self.stft.n_fft,
            hop=self.stft.hop,
            window=self.stft.window,
            iterations=self.iterations,
        )
        return config


def phasor(real: Any, imag: Any) -> tuple[Any, Any]:
    """Return cosine and sine of a spectrum's phase; both 0 where the spectrum is."""
    size = magnitude(real, imag)
    return real / size, imag / size
