"""The spectrogram fusion system as a separator."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from kerasvox.errors import UsageError
from kerasvox.models.spectrogram_fusion.embeddings import embedding_class
from kerasvox.models.spectrogram_fusion.linear_fusion import linear_fusion
from kerasvox.models.spectrogram_fusion.minimum_difference_mask_fusion import (
    MinimumDifferenceMaskFusion,
)
from kerasvox.models.spectrogram_fusion.two_head_separator import (
    TwoHeadSeparator,
    stack,
    stage,
    stage_config,
)

SELECTIONS = ("first_stage", "second_stage")


@keras.saving.register_keras_serializable(package="kerasvox")
class SpectrogramFusionSeparator(TwoHeadSeparator):
    """Attention-based fusion by minimum difference masks (Shi et al., Interspeech 2020).

    First stage: mixture magnitude -> two-head BiLSTM -> a mapping and a masking spectrogram.
    Second stage: the three of them -> an embedding with attention over frames -> two minimum
    difference masks, which select from the two spectrograms what is fused. The linear fusion of
    the same two makes the phase. The accompaniment is the mixture minus the vocals.

    Args:
        embedding: str. `"all_info"`, `"separate_info"`, `"no_en_info"`, `"dual_attention"`, or
            `"plain"`, the forerunner's DNN without attention.
        first_stage: mapping. Arguments of `TwoHeadBiLSTM` other than `bins`.
        second_stage: mapping. Arguments of the embedding other than `bins`.
        selection: str. What the masks select from: the spectrograms of the `"first_stage"`, as in
            the forerunner, or those of the `"second_stage"`.
        output: str. What the vocals are made of: `"fusion"`, or `"linear_fusion"`, `"mapping"` or
            `"masking"` of the spectrograms that are selected from.
        binary_masks: bool. Whether the masks are made binary before they select; worse, in the
            papers.
        phase, phase_iterations, gain_exponent: see `TwoHeadSeparator`.
        sample_rate, n_fft, hop, window: see `Separator`.

    Input shape:
        waveform: `(batch, samples)`.

    Output shape:
        dict of `"vocals"` and `"accompaniment"`, each `(batch, samples)`.

    Raises:
        UsageError: if an argument is unknown or out of its range; the message names it.

    Example:

    ```python
    separator = SpectrogramFusionSeparator("dual_attention", second_stage={"heads": 4})
    stems = separator(waveform)
    ```
    """

    outputs = ("fusion", "linear_fusion", "mapping", "masking")
    # Attention needs memory for the square of the frames that it sees.
    chunk_seconds = 8.0

    def __init__(
        self,
        embedding: str = "all_info",
        first_stage: Mapping[str, Any] | None = None,
        second_stage: Mapping[str, Any] | None = None,
        selection: str = "first_stage",
        output: str = "fusion",
        binary_masks: bool = False,
        **kwargs: Any,
    ):
        super().__init__(first_stage, output=output, **kwargs)
        if selection not in SELECTIONS:
            raise UsageError(
                f"unknown selection {selection!r}; selections are {', '.join(SELECTIONS)}"
            )
        self.embedding = embedding
        self.selection = selection
        self.second_stage = stage(
            embedding_class(embedding), self.stft.bins, second_stage, "second_stage"
        )
        self.fusion = MinimumDifferenceMaskFusion(binary_masks, name="fusion")

    def build(self, input_shape: Any = None) -> None:
        if not self.second_stage.built:
            self.second_stage.build((None, None, self.stft.bins))
        super().build(input_shape)

    def predictions(self, magnitude: Any, training: bool = False) -> Any:
        """Return what `MinimumDifferenceMaskLoss` compares.

        Args:
            magnitude: the mixture's, `(batch, frames, bins)`.
            training: whether layers that differ in training do so.

        Returns:
            `(batch, 8, frames, bins)`: mapping and masking spectrogram of the first stage; those
            that are selected from; their masks; mapping and masking spectrogram of the second
            stage.
        """
        first, selected, masks, second = self._stages(magnitude, training)
        return ops.concatenate([first, selected, masks, second], axis=1)

    def vocals_and_linear_fusion(self, mixture: Any) -> tuple[Any, Any]:
        _, selected, masks, _ = self._stages(mixture)
        linear = linear_fusion(selected)
        if self.output_kind == "fusion":
            return self.fusion(masks, selected), linear
        return self._choose(linear, selected), linear

    def _stages(self, mixture: Any, training: bool = False) -> tuple[Any, Any, Any, Any]:
        first = self.spectrograms(mixture, training=training)
        outputs = self.second_stage(mixture, first[:, 0], first[:, 1], training=training)
        masks, second = stack(outputs[:2]), stack(outputs[2:])
        return first, first if self.selection == "first_stage" else second, masks, second

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            embedding=self.embedding,
            second_stage=stage_config(self.second_stage),
            selection=self.selection,
            binary_masks=self.fusion.binary,
        )
        return config
