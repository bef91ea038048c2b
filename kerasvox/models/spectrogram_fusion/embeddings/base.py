"""What all embeddings share: three spectrograms in, two masks and two spectrograms out."""

from typing import Any

import keras
from keras import ops

from kerasvox.errors import UsageError
from kerasvox.models.spectrogram_fusion.compression import compress, expand
from kerasvox.models.spectrogram_fusion.frame_attention import FrameAttention


class Embedding(keras.layers.Layer):
    """Base of the embeddings (Interspeech 2020, Fig. "embeddings"; ICASSP 2020, MDM-4O).

    A subclass says how the mixture and the two spectrograms of the first stage become hidden
    frames that attend to each other: its `attend`, the boxes h and A of the figure. What all have
    in common follows: a last hidden layer, from which four outputs leave.

    Hidden layers are dense with ReLU. Two hidden layers of 1024 are the forerunner's; all sizes of
    the attention are ours, for the paper's are not public. So is the sigmoid of the masks, which
    the paper's "real values in (0, 1)" implies.

    Args:
        bins: int. Bins of the spectrograms.
        units: int. Units of each hidden layer.
        heads, key_size, residual, normalization: see `FrameAttention`.
        compression: float in (0, 1]. The network reads spectrograms to this power, and the mapping
            head writes them so.
        dropout: float in [0, 1). Share of the last hidden layer's outputs that training drops.

    Input shape:
        mixture, mapping, masking: magnitudes `(batch, frames, bins)`: the mixture's, and the two
        of the first stage.

    Output shape:
        tuple of four, each `(batch, frames, bins)`: the minimum difference masks of the mapping
        and of the masking spectrogram, in (0, 1), and a mapping and a masking spectrogram
        estimated anew (the latter as a mask times the mixture).

    Raises:
        UsageError: if a size is out of its range or the heads do not divide the units.
    """

    def __init__(
        self,
        bins: int,
        units: int = 1024,
        heads: int = 8,
        key_size: int | None = None,
        residual: bool = True,
        normalization: bool = True,
        compression: float = 1.0,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if min(bins, units) < 1:
            raise UsageError(
                f"bins and units must be at least 1; received bins={bins}, units={units}"
            )
        if not 0.0 < compression <= 1.0:
            raise UsageError(f"compression is above 0 and at most 1; received {compression}")
        if not 0.0 <= dropout < 1.0:
            raise UsageError(f"dropout is at least 0 and below 1; received dropout={dropout}")
        self.bins = bins
        self.units = units
        self.heads = heads
        self.key_size = key_size
        self.residual = residual
        self.normalization = normalization
        self.compression = compression
        self.last_hidden = self.hidden_layer("last_hidden")
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        self.mapping_mask = keras.layers.Dense(bins, activation="sigmoid", name="mapping_mask")
        self.masking_mask = keras.layers.Dense(bins, activation="sigmoid", name="masking_mask")
        self.mapping = keras.layers.Dense(bins, activation="relu", name="mapping")
        self.masking = keras.layers.Dense(bins, activation="sigmoid", name="masking")

    def attend(self, mixture: Any, mapping: Any, masking: Any) -> Any:
        """Return the hidden frames that the last hidden layer reads, `(batch, frames, ...)`."""
        raise NotImplementedError("an embedding defines attend()")

    def build_attention(self, shape: tuple) -> int:
        """Build the layers that `attend` uses; return the size of its hidden frames.

        Args:
            shape: of one spectrogram, `(batch, frames, bins)`.
        """
        raise NotImplementedError("an embedding defines build_attention()")

    def hidden_layer(self, name: str) -> keras.layers.Dense:
        """Return a box h of the figure."""
        return keras.layers.Dense(self.units, activation="relu", name=name)

    def attention_layer(self, name: str) -> FrameAttention:
        """Return a box A of the figure."""
        return FrameAttention(
            self.heads, self.key_size, self.residual, self.normalization, name=name
        )

    def build(self, mixture_shape: tuple, mapping_shape: Any = None, masking_shape: Any = None):
        shape = tuple(mixture_shape)
        attended = self.build_attention(shape)
        self.last_hidden.build((*shape[:-1], attended))
        for head in (self.mapping_mask, self.masking_mask, self.mapping, self.masking):
            head.build((*shape[:-1], self.units))

    def call(
        self, mixture: Any, mapping: Any, masking: Any, training: bool = False
    ) -> tuple[Any, Any, Any, Any]:
        spectrograms = (compress(each, self.compression) for each in (mixture, mapping, masking))
        hidden = self.last_hidden(self.attend(*spectrograms))
        hidden = self.dropout(hidden, training=training)
        mask = self.masking(hidden)
        return (
            self.mapping_mask(hidden),
            self.masking_mask(hidden),
            expand(self.mapping(hidden), self.compression),
            mask * ops.cast(mixture, mask.dtype),
        )

    def compute_output_shape(
        self, mixture_shape: tuple, mapping_shape: Any = None, masking_shape: Any = None
    ) -> tuple[tuple, ...]:
        return (tuple(mixture_shape),) * 4

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            bins=self.bins,
            units=self.units,
            heads=self.heads,
            key_size=self.key_size,
            residual=self.residual,
            normalization=self.normalization,
            compression=self.compression,
            dropout=self.dropout.rate,
        )
        return config
