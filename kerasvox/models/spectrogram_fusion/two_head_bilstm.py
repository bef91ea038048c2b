"""The first stage: one spectrogram by mapping, one by masking."""

from typing import Any

import keras
from keras import ops

from kerasvox.errors import UsageError
from kerasvox.layers.lstm import LSTM
from kerasvox.models.spectrogram_fusion.compression import compress, expand


@keras.saving.register_keras_serializable(package="kerasvox")
class TwoHeadBiLSTM(keras.layers.Layer):
    """Bidirectional LSTM layers with a mapping and a masking head (ICASSP 2020, Eq. 2 and 3).

    Both heads read the same hidden frames. The mapping head gives the spectrogram of the voice
    itself, the masking head a mask that is multiplied with the mixture.

    The forerunner has two hidden layers of 1024 nodes; whether a node counts once a direction is
    not said, here `units` does. It prints no activations. A later paper of the authors prints a
    linear mapping head and a ReLU mask; ours are ReLU and sigmoid: a magnitude is not negative,
    and a mask that cannot exceed 1 trained more steadily.

    Args:
        bins: int. Bins of the spectrograms.
        units: int. Units of each LSTM, in each direction.
        depth: int. Number of bidirectional layers.
        mapping_activation: str. Activation of the mapping head.
        masking_activation: str. Activation of the masking head.
        compression: float in (0, 1]. The network reads magnitudes to this power, and the mapping
            head writes them so; 1 is the raw magnitude of the papers.
        dropout: float in [0, 1). Share of each layer's outputs that training drops.

    Input shape:
        mixture: magnitude `(batch, frames, bins)`.

    Output shape:
        tuple of the mapping and the masking spectrogram, each `(batch, frames, bins)`.

    Raises:
        UsageError: if an argument is out of its range.

    Example:

    ```python
    mapping, masking = TwoHeadBiLSTM(bins=257)(mixture)
    ```
    """

    def __init__(
        self,
        bins: int,
        units: int = 1024,
        depth: int = 2,
        mapping_activation: str = "relu",
        masking_activation: str = "sigmoid",
        compression: float = 1.0,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if min(bins, units, depth) < 1:
            raise UsageError(
                "bins, units and depth must be at least 1; "
                f"received bins={bins}, units={units}, depth={depth}"
            )
        if not 0.0 < compression <= 1.0:
            raise UsageError(f"compression is above 0 and at most 1; received {compression}")
        if not 0.0 <= dropout < 1.0:
            raise UsageError(f"dropout is at least 0 and below 1; received dropout={dropout}")
        self.bins = bins
        self.units = units
        self.depth = depth
        self.mapping_activation = mapping_activation
        self.masking_activation = masking_activation
        self.compression = compression
        self.dropout = dropout
        self.hidden = [
            keras.layers.Bidirectional(
                LSTM(units, return_sequences=True, name=f"lstm_{layer}"),
                name=f"bidirectional_{layer}",
            )
            for layer in range(1, depth + 1)
        ]
        self.dropouts = [
            keras.layers.Dropout(dropout, name=f"dropout_{layer}") for layer in range(1, depth + 1)
        ]
        self.mapping = _head(bins, mapping_activation, "mapping")
        self.masking = _head(bins, masking_activation, "masking")

    def build(self, input_shape: tuple) -> None:
        shape = tuple(input_shape)
        for layer in self.hidden:
            layer.build(shape)
            shape = (*shape[:-1], 2 * self.units)
        self.mapping.build(shape)
        self.masking.build(shape)

    def call(self, mixture: Any, training: bool = False) -> tuple[Any, Any]:
        hidden = compress(mixture, self.compression)
        for layer, dropout in zip(self.hidden, self.dropouts, strict=True):
            hidden = dropout(layer(hidden, training=training), training=training)
        mapping = expand(self.mapping(hidden), self.compression)
        mask = self.masking(hidden)
        return mapping, mask * ops.cast(mixture, mask.dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple[tuple, tuple]:
        shape = (*input_shape[:-1], self.bins)
        return shape, shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            bins=self.bins,
            units=self.units,
            depth=self.depth,
            mapping_activation=self.mapping_activation,
            masking_activation=self.masking_activation,
            compression=self.compression,
            dropout=self.dropout,
        )
        return config


def _head(bins: int, activation: str, name: str) -> keras.layers.Dense:
    try:
        return keras.layers.Dense(bins, activation=activation, name=name)
    except ValueError as error:
        raise UsageError(
            f"unknown {name}_activation {activation!r}; a name of keras.activations is one, "
            "such as 'relu' or 'sigmoid'"
        ) from error
