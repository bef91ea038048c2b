"""The embedding of the mixture and one spectrogram at a time."""

from typing import Any

import keras
from keras import ops

from kerasvox.models.spectrogram_fusion.embeddings.base import Embedding


@keras.saving.register_keras_serializable(package="kerasvox")
class NoEnInfoEmbedding(Embedding):
    """NoEn-info: a branch for each spectrogram, beside the mixture (figure, form c).

    `[mixture, mapping] -> h -> Q, K, V -> A` and `[mixture, masking] -> h -> Q, K, V -> A`, each
    with layers of its own; both go into the last hidden layer. See `Embedding` for arguments and
    shapes.

    Example:

    ```python
    outputs = NoEnInfoEmbedding(bins=257)(mixture, mapping, masking)
    ```
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        branches = ("mapping", "masking")
        self.hidden = [self.hidden_layer(f"hidden_{branch}") for branch in branches]
        self.attentions = [self.attention_layer(f"attention_{branch}") for branch in branches]

    def build_attention(self, shape: tuple) -> int:
        for hidden, attention in zip(self.hidden, self.attentions, strict=True):
            hidden.build((*shape[:-1], 2 * self.bins))
            attention.build((*shape[:-1], self.units))
        return 2 * self.units

    def attend(self, mixture: Any, mapping: Any, masking: Any) -> Any:
        branches = [
            attention(hidden(ops.concatenate([mixture, spectrogram], axis=-1)))
            for hidden, attention, spectrogram in zip(
                self.hidden, self.attentions, (mapping, masking), strict=True
            )
        ]
        return ops.concatenate(branches, axis=-1)
