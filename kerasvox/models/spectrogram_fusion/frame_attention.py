"""Attention over the frames of a spectrogram."""

from typing import Any

import keras

from kerasvox.errors import UsageError


@keras.saving.register_keras_serializable(package="kerasvox")
class FrameAttention(keras.layers.Layer):
    """Multi-head scaled dot-product attention over frames: the box A of the embeddings.

    `Attention(Q, K, V) = softmax(Q K^T / sqrt(d_k)) V` in each head, over all frames of the
    signal (Interspeech 2020, Sec. 2.3). The paper says that there are several heads; their number,
    `d_k`, residual connection and normalisation are not public and ours.

    Args:
        heads: int. Number of heads.
        key_size: int or None. `d_k`, the size of queries and keys in each head; by default the
            size of the query divided by the number of heads.
        residual: bool. Whether the query is added to what was attended to.
        normalization: bool. Whether layer normalisation follows.

    Input shape:
        query: `(batch, frames, units)`.
        key, value: `(batch, frames, units)`; the query, where they are not given.

    Output shape:
        `(batch, frames, units)`.

    Raises:
        UsageError: if a size is below 1, or the heads do not divide the units.

    Example:

    ```python
    attended = FrameAttention(heads=8)(hidden)
    ```
    """

    def __init__(
        self,
        heads: int = 8,
        key_size: int | None = None,
        residual: bool = True,
        normalization: bool = True,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if heads < 1 or (key_size is not None and key_size < 1):
            raise UsageError(
                f"heads and key_size must be at least 1; received heads={heads}, "
                f"key_size={key_size}"
            )
        self.heads = heads
        self.key_size = key_size
        self.residual = residual
        self.normalization = normalization
        self.norm = keras.layers.LayerNormalization(name="norm") if normalization else None
        self.attention: Any = None

    def build(self, query_shape: tuple, key_shape: Any = None, value_shape: Any = None) -> None:
        units = query_shape[-1]
        if self.key_size is None and units % self.heads:
            raise UsageError(
                f"{self.heads} heads do not divide {units} units; choose a divisor or a key_size"
            )
        self.attention = keras.layers.MultiHeadAttention(
            self.heads,
            self.key_size or units // self.heads,
            name="attention",
            dtype=self.dtype_policy,
        )
        value = value_shape or query_shape
        self.attention.build(query_shape, value, key_shape or value)
        if self.norm is not None:
            self.norm.build(query_shape)

    def call(self, query: Any, key: Any = None, value: Any = None) -> Any:
        value = query if value is None else value
        attended = self.attention(query, value, key=key)
        if self.residual:
            attended = attended + query
        return attended if self.norm is None else self.norm(attended)

    def compute_output_shape(
        self, query_shape: tuple, key_shape: Any = None, value_shape: Any = None
    ) -> tuple:
        return query_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            heads=self.heads,
            key_size=self.key_size,
            residual=self.residual,
            normalization=self.normalization,
        )
        return config
