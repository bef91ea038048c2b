"""The embedding of the mixture or the spectrograms."""

from typing import Any

import keras
from keras import ops

from kerasvox.models.spectrogram_fusion.embeddings.base import Embedding


@keras.saving.register_keras_serializable(package="kerasvox")
class DualAttentionEmbedding(Embedding):
    """Dual-attention: the mixture by itself, the two spectrograms together (figure, form d).

    `mixture -> h -> Q, K, V -> A` and `[mapping, masking] -> h -> Q, K, V -> A`, each with layers
    of its own; both go into the last hidden layer. See `Embedding` for arguments and shapes.

    Example:

    ```python
    outputs = DualAttentionEmbedding(bins=257)(mixture, mapping, masking)
    ```
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.hidden_mixture = self.hidden_layer("hidden_mixture")
        self.attention_mixture = self.attention_layer("attention_mixture")
        self.hidden_spectrograms = self.hidden_layer("hidden_spectrograms")
        self.attention_spectrograms = self.attention_layer("attention_spectrograms")

    def build_attention(self, shape: tuple) -> int:
        self.hidden_mixture.build(shape)
        self.hidden_spectrograms.build((*shape[:-1], 2 * self.bins))
        self.attention_mixture.build((*shape[:-1], self.units))
        self.attention_spectrograms.build((*shape[:-1], self.units))
        return 2 * self.units

    def attend(self, mixture: Any, mapping: Any, masking: Any) -> Any:
        spectrograms = ops.concatenate([mapping, masking], axis=-1)
        attended = [
            self.attention_mixture(self.hidden_mixture(mixture)),
            self.attention_spectrograms(self.hidden_spectrograms(spectrograms)),
        ]
        return ops.concatenate(attended, axis=-1)
