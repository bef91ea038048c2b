"""The embedding of all information."""

from typing import Any

import keras
from keras import ops

from kerasvox.models.spectrogram_fusion.embeddings.base import Embedding


@keras.saving.register_keras_serializable(package="kerasvox")
class AllInfoEmbedding(Embedding):
    """All-info: everything in one hidden layer, which attends to itself (figure, form a).

    `[mixture, mapping, masking] -> h -> Q, K, V -> A`. See `Embedding` for arguments and shapes.

    Example:

    ```python
    outputs = AllInfoEmbedding(bins=257)(mixture, mapping, masking)
    ```
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.hidden = self.hidden_layer("hidden")
        self.attention = self.attention_layer("attention")

    def build_attention(self, shape: tuple) -> int:
        self.hidden.build((*shape[:-1], 3 * self.bins))
        self.attention.build((*shape[:-1], self.units))
        return self.units

    def attend(self, mixture: Any, mapping: Any, masking: Any) -> Any:
        return self.attention(self.hidden(ops.concatenate([mixture, mapping, masking], axis=-1)))
