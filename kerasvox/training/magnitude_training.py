"""A separator as a model to fit: from sources to magnitudes."""

from typing import Any

import keras
from keras import ops

from kerasvox.layers.magnitude import magnitude
from kerasvox.models.separator import Separator


class MagnitudeTraining(keras.Model):
    """Trains a separator's estimator on the magnitudes of sources.

    The batch is the sources' waveforms; the mixture, the magnitudes and the targets are made on
    the device by the separator's own STFT, so the front end that is trained is the one that is
    served. The loss given to `compile` sees the sources' magnitudes, `(batch, sources, frames,
    bins)`, and what `Separator.predictions` returns.

    Args:
        separator: the separator to train; its weights are the only ones.

    Input shape:
        sources: `(batch, sources, samples)`.

    Example:

    ```python
    training = MagnitudeTraining(separator)
    training.compile(optimizer="adam", loss=DiscriminativeLoss())
    training.fit(TrainingBatches(...).stream(), steps_per_epoch=100)
    ```
    """

    def __init__(self, separator: Separator, **kwargs: Any):
        # Keras scales the loss by the policy of the model that is compiled: the separator's.
        super().__init__(**{"dtype": separator.dtype_policy, **kwargs})
        self.autocast = False
        self.separator = separator

    def build(self, input_shape: Any = None) -> None:
        self.separator.build()
        super().build(input_shape)

    def call(self, sources: Any, training: bool = False) -> dict[str, Any]:
        real, imag = self.separator.stft(sources)
        # The transform is linear: the mixture's spectrum is the sum of the sources'.
        mixture = magnitude(ops.sum(real, axis=1), ops.sum(imag, axis=1))
        predictions = self.separator.predictions(mixture, training=training)
        return {"targets": magnitude(real, imag), "predictions": predictions}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Compare the predictions with the targets that the same pass made."""
        return super().compute_loss(
            x, y_pred["targets"], y_pred["predictions"], sample_weight, training
        )
