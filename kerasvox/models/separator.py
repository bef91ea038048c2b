"""The base of all separators."""

from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from kerasvox import presets
from kerasvox.layers.inverse_stft import InverseSTFT
from kerasvox.layers.magnitude import magnitude
from kerasvox.layers.stft import STFT
from kerasvox.models import preset_io


class Separator(keras.Model):
    """A model from the waveform of a mixture to the waveforms of its stems.

    It owns the STFT, the network and the inverse STFT; a subclass writes the network, `estimate`.
    The stems have the mixture's length and phase, and their sum is the mixture.

    Args:
        sample_rate: int. Rate in Hz of the waveforms that the model works on.
        n_fft: int. STFT length in samples, a multiple of `hop`.
        hop: int. Samples between frames.
        window: str. `"hann"`, `"hamming"` or `"sine"`.

    Input shape:
        waveform: `(batch, samples)`, full scale at +-1.

    Output shape:
        dict of `"vocals"` and `"accompaniment"`, each `(batch, samples)`.

    Example:

    ```python
    separator = Separator.from_preset("drnn_mir1k")
    stems = separator.separate("song.wav")
    ```
    """

    stems = ("vocals", "accompaniment")
    # Whether it separates a live signal: `stream()`, `streaming_step` and what belongs to them.
    can_stream = False
    # How long songs are cut for the model, and what it sees of its surroundings on either side.
    chunk_seconds = 20.0
    context_seconds = 2.0

    def __init__(
        self,
        sample_rate: int = 16000,
        n_fft: int = 1024,
        hop: int = 512,
        window: str = "sine",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        # Under mixed precision the layers cast for themselves; the waveform stays in float32.
        self.autocast = False
        if keras.config.backend() == "tensorflow":
            # XLA, which Keras takes where there is a GPU, compiles anew for every length of song.
            self.jit_compile = False
        self.sample_rate = sample_rate
        self.stft = STFT(n_fft, hop, window, name="stft")
        self.inverse_stft = InverseSTFT(n_fft, hop, window, name="inverse_stft")

    @property
    def alignment(self) -> int:
        """The hop in samples: a chunk that starts at a multiple of it sees the same frames."""
        return self.stft.hop

    def estimate(self, magnitude: Any, training: bool = False) -> Any:
        """Estimate the magnitudes of the stems.

        Args:
            magnitude: `(batch, frames, bins)`, the mixture's.
            training: whether layers that differ in training do so.

        Returns:
            `(batch, stems, frames, bins)`.
        """
        raise NotImplementedError("a separator defines estimate()")

    def predictions(self, magnitude: Any, training: bool = False) -> Any:
        """Return what the system's loss compares with the sources; by default `estimate`.

        Args:
            magnitude: `(batch, frames, bins)`, the mixture's.
            training: whether layers that differ in training do so.

        Returns:
            `(batch, predictions, frames, bins)`.
        """
        return self.estimate(magnitude, training=training)

    def call(self, waveform: Any, training: bool = False) -> dict[str, Any]:
        real, imag = self.stft(waveform)
        mixture = magnitude(real, imag)
        # The mixture's phase is its spectrum over its magnitude: no angle is ever computed.
        gain = self.estimate(mixture, training=training)[:, 0] / mixture
        samples = ops.shape(waveform)[-1]
        vocals = self.inverse_stft(gain * real, gain * imag, samples=samples)
        return {"vocals": vocals, "accompaniment": waveform - vocals}

    def compute_output_spec(self, waveform: Any, training: bool = False) -> dict[str, Any]:
        return {stem: keras.KerasTensor(waveform.shape, "float32") for stem in self.stems}

    def separate(
        self, audio: str | Path | np.ndarray, rate: int | None = None
    ) -> dict[str, np.ndarray]:
        """Separate a song of any length, rate and number of channels.

        Args:
            audio: a file, or samples of shape `(samples,)` or `(channels, samples)`.
            rate: the rate in Hz of an array; the model's own where it is not given.

        Returns:
            dict of stem name to float32 array, in the rate, shape and length of the input. Each
            channel is separated by itself; what lies above the model's band stays in the
            accompaniment, so the stems always sum to the input.

        Raises:
            AudioError: if the file cannot be read or the array is no audio.
        """
        from kerasvox.separation import separate_array, separate_file_to_arrays

        if isinstance(audio, str | Path):
            return separate_file_to_arrays(self, audio)
        return separate_array(self, audio, rate or self.sample_rate)

    @classmethod
    def from_preset(cls, preset: str | Path, load_weights: bool = True) -> Self:
        """Load a separator from the zoo, or from a folder that `save_to_preset` wrote.

        Args:
            preset: a name that `kerasvox.list_presets()` lists, or a folder.
            load_weights: whether to load the trained weights, or start from fresh ones.

        Raises:
            PresetError: if there is no such preset, its files are damaged (their sha256 is
                checked), or it holds another kind of separator than this class.
        """
        return preset_io.load(cls, presets.preset_directory(preset), load_weights)

    def save_to_preset(self, directory: str | Path, dtype: str = "float16") -> None:
        """Write the configuration, the weights and their sha256 to a folder.

        Args:
            directory: where to write; made if need be.
            dtype: `"float16"` (half the size; the scores hardly notice) or `"float32"`.
        """
        preset_io.save(self, Path(directory), dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            sample_rate=self.sample_rate,
            n_fft=self.stft.n_fft,
            hop=self.stft.hop,
            window=self.stft.window,
        )
        return config
