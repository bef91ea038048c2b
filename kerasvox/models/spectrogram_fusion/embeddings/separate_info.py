"""The embedding of separated information."""

from typing import Any

import keras

from kerasvox.errors import UsageError
from kerasvox.models.spectrogram_fusion.embeddings.base import Embedding

_SPECTROGRAMS = ("mapping", "masking")


@keras.saving.register_keras_serializable(package="kerasvox")
class SeparateInfoEmbedding(Embedding):
    """Separate-info: the mixture asks, the two spectrograms answer (figure, form b).

    `mixture -> h -> Q`, one spectrogram `-> h -> K`, the other `-> h -> V`, three hidden layers.
    The figure does not mark which spectrogram is the key; by default it is the mapping one.
    See `Embedding` for the other arguments and the shapes.

    Args:
        key: str. The spectrogram that makes the key, `"mapping"` or `"masking"`; the other one
            makes the value.

    Raises:
        UsageError: if key is neither.

    Example:

    ```python
    outputs = SeparateInfoEmbedding(bins=257)(mixture, mapping, masking)
    ```
    """

    def __init__(self, *args: Any, key: str = "mapping", **kwargs: Any):
        super().__init__(*args, **kwargs)
        if key not in _SPECTROGRAMS:
            raise UsageError(f"key is {key!r}; it must be {' or '.join(_SPECTROGRAMS)}")
        self.key = key
        self.hidden = [self.hidden_layer(f"hidden_{role}") for role in ("query", "key", "value")]
        self.attention = self.attention_layer("attention")

    def build_attention(self, shape: tuple) -> int:
        for hidden in self.hidden:
            hidden.build(shape)
        self.attention.build(*[(*shape[:-1], self.units)] * 3)
        return self.units

    def attend(self, mixture: Any, mapping: Any, masking: Any) -> Any:
        key, value = (mapping, masking) if self.key == "mapping" else (masking, mapping)
        query, key, value = (
            hidden(spectrogram)
            for hidden, spectrogram in zip(self.hidden, (mixture, key, value), strict=True)
        )
        return self.attention(query, key=key, value=value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "key": self.key}
