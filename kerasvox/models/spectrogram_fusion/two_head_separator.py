"""The first stage as a separator of its own."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from kerasvox.errors import UsageError
from kerasvox.layers.magnitude import magnitude
from kerasvox.models.separator import Separator
from kerasvox.models.spectrogram_fusion.linear_fusion import linear_fusion
from kerasvox.models.spectrogram_fusion.linear_fusion_phase import LinearFusionPhase
from kerasvox.models.spectrogram_fusion.two_head_bilstm import TwoHeadBiLSTM

PHASES = ("linear_fusion", "mixture")
_TINY = 1e-10  # the magnitude of digital silence


@keras.saving.register_keras_serializable(package="kerasvox")
class TwoHeadSeparator(Separator):
    """Two-head BiLSTM and linear fusion (ICASSP 2020, MT-DM, MT-SA and MT-LF).

    Mixture magnitude -> bidirectional LSTM layers -> a mapping and a masking spectrogram of the
    vocals -> their mean. The accompaniment is the mixture minus the vocals.

    STFT and sizes default to the forerunner's: 512 / 256 samples at 16 kHz, two layers of 1024.
    The Hamming window is that of later papers of the same authors.

    Args:
        first_stage: mapping. Arguments of `TwoHeadBiLSTM` other than `bins`.
        output: str. What the vocals are made of: `"linear_fusion"`, `"mapping"` or `"masking"`.
        phase: str. `"linear_fusion"`, the phase of the linear fusion's waveform, or `"mixture"`.
        phase_iterations: int, 1 or more. How often that phase is made anew from the one before;
            see `LinearFusionPhase`.
        gain_exponent: float, above 0. Power to which the gain of the vocals, their magnitude over
            the mixture's, is raised, as in the parametric Wiener filter (Lim and Oppenheim, Proc.
            IEEE 67(12), 1979). 1 is the papers' system; more takes out what is rather
            accompaniment than voice.
        sample_rate, n_fft, hop, window: see `Separator`.

    Input shape:
        waveform: `(batch, samples)`.

    Output shape:
        dict of `"vocals"` and `"accompaniment"`, each `(batch, samples)`.

    Raises:
        UsageError: if an argument is unknown or out of its range; the message names it.

    Example:

    ```python
    separator = TwoHeadSeparator(first_stage={"units": 512})
    stems = separator(waveform)
    ```
    """

    outputs: tuple[str, ...] = ("linear_fusion", "mapping", "masking")

    def __init__(
        self,
        first_stage: Mapping[str, Any] | None = None,
        output: str = "linear_fusion",
        phase: str = "linear_fusion",
        phase_iterations: int = 1,
        gain_exponent: float = 1.0,
        sample_rate: int = 16000,
        n_fft: int = 512,
        hop: int = 256,
        window: str = "hamming",
        **kwargs: Any,
    ):
        super().__init__(sample_rate, n_fft, hop, window, **kwargs)
        if output not in self.outputs:
            raise UsageError(f"unknown output {output!r}; outputs are {', '.join(self.outputs)}")
        if phase not in PHASES:
            raise UsageError(f"unknown phase {phase!r}; phases are {', '.join(PHASES)}")
        if phase_iterations < 1:
            raise UsageError(f"phase_iterations is 1 or more; received {phase_iterations}")
        if not 0.0 < gain_exponent < float("inf"):
            raise UsageError(f"gain_exponent is above 0; received {gain_exponent}")
        self.output_kind = output
        self.phase_kind = phase
        self.phase_iterations = phase_iterations
        self.gain_exponent = gain_exponent
        self.phase = LinearFusionPhase(
            n_fft, hop, window, phase_iterations if phase == "linear_fusion" else 0, name="phase"
        )
        self.first_stage = stage(TwoHeadBiLSTM, self.stft.bins, first_stage, "first_stage")

    def build(self, input_shape: Any = None) -> None:
        if not self.first_stage.built:
            self.first_stage.build((None, None, self.stft.bins))
        super().build(input_shape)

    def spectrograms(self, mixture: Any, training: bool = False) -> Any:
        """Return the mapping and the masking spectrogram, `(batch, 2, frames, bins)`."""
        training = training and self.first_stage.trainable
        return stack(self.first_stage(mixture, training=training))

    def predictions(self, magnitude: Any, training: bool = False) -> Any:
        """Return what `MultiTaskLoss` compares: `spectrograms`."""
        return self.spectrograms(magnitude, training=training)

    def vocals_and_linear_fusion(self, mixture: Any) -> tuple[Any, Any]:
        """Return the magnitude of the vocals and the one that makes the phase."""
        spectrograms = self.spectrograms(mixture)
        linear = linear_fusion(spectrograms)
        return self._choose(linear, spectrograms), linear

    def estimate(self, magnitude: Any, training: bool = False) -> Any:
        vocals, _ = self.vocals_and_linear_fusion(magnitude)
        vocals = self._with_gain_exponent(vocals, magnitude)
        return ops.stack([vocals, ops.relu(magnitude - vocals)], axis=1)

    def call(self, waveform: Any, training: bool = False) -> dict[str, Any]:
        samples = ops.shape(waveform)[-1]
        real, imag = self.stft(waveform)
        mixture = magnitude(real, imag)
        vocals, linear = self.vocals_and_linear_fusion(mixture)
        cosine, sine = self.phase(linear, real, imag, samples=samples)
        vocals = self._with_gain_exponent(vocals, mixture)
        vocals = self.inverse_stft(vocals * cosine, vocals * sine, samples=samples)
        return {"vocals": vocals, "accompaniment": waveform - vocals}

    def _with_gain_exponent(self, vocals: Any, mixture: Any) -> Any:
        # A mapping head may be linear, but no magnitude is negative.
        vocals = ops.relu(vocals)
        if self.gain_exponent == 1.0:
            return vocals
        gain = ops.minimum(vocals / ops.maximum(mixture, _TINY), 1.0)
        return mixture * gain**self.gain_exponent

    def _choose(self, linear: Any, spectrograms: Any) -> Any:
        if self.output_kind == "linear_fusion":
            return linear
        return spectrograms[:, 0 if self.output_kind == "mapping" else 1]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            first_stage=stage_config(self.first_stage),
            output=self.output_kind,
            phase=self.phase_kind,
            phase_iterations=self.phase_iterations,
            gain_exponent=self.gain_exponent,
        )
        return config


def stack(spectrograms: Any) -> Any:
    """Stack spectrograms on axis 1, in float32: `(batch, spectrograms, frames, bins)`."""
    return ops.stack([ops.cast(each, "float32") for each in spectrograms], axis=1)


def stage(kind: type, bins: int, arguments: Mapping[str, Any] | None, name: str) -> Any:
    """Make a stage from the arguments that a separator was given for it.

    Raises:
        UsageError: if there is an argument that the stage does not have.
    """
    try:
        return kind(bins, name=name, **(arguments or {}))
    except (TypeError, ValueError) as error:  # Keras raises either for a keyword it does not know
        raise UsageError(f"{name}: {error}") from error


def stage_config(layer: keras.layers.Layer) -> dict[str, Any]:
    """Return the arguments of a stage, as `stage` takes them."""
    ours = {"name", "trainable", "dtype", "bins"}
    return {key: value for key, value in layer.get_config().items() if key not in ours}
