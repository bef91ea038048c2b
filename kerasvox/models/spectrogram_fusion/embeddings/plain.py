"""The forerunner's second stage, without attention."""

from typing import Any

import keras
from keras import ops

from kerasvox.models.spectrogram_fusion.embeddings.base import Embedding


@keras.saving.register_keras_serializable(package="kerasvox")
class PlainEmbedding(Embedding):
    """The plain DNN that the attention is compared with (ICASSP 2020, MDM-4O).

    `[mixture, mapping, masking] -> h -> h`: every frame by itself. The arguments of the attention
    have no effect. See `Embedding` for arguments and shapes.

    Example:

    ```python
    outputs = PlainEmbedding(bins=257)(mixture, mapping, masking)
    ```
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.hidden = self.hidden_layer("hidden")

    def build_attention(self, shape: tuple) -> int:
        self.hidden.build((*shape[:-1], 3 * self.bins))
        return self.units

    def attend(self, mixture: Any, mapping: Any, masking: Any) -> Any:
        return self.hidden(ops.concatenate([mixture, mapping, masking], axis=-1))
