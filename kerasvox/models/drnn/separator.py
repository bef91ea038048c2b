"""The deep recurrent network as a separator."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasvox.layers.time_frequency_mask import TimeFrequencyMask
from kerasvox.models.drnn.context_window import ContextWindow
from kerasvox.models.drnn.deep_recurrent_stack import DeepRecurrentStack
from kerasvox.models.separator import Separator


@keras.saving.register_keras_serializable(package="kerasvox")
class DRNNSeparator(Separator):
    """Deep recurrent network with a joint mask layer (Huang et al., ISMIR 2014, TASLP 2015).

    Mixture magnitude -> context window -> ReLU layers, some recurrent -> linear output of one
    spectrum a source -> joint time-frequency mask. The defaults are the paper's best model,
    DRNN-2: 5,569,026 parameters.

    Args:
        context: int, odd. Frames of the context window.
        units: int. Units of each hidden layer.
        depth: int. Number of hidden layers.
        recurrent_layers: sequence of int. Which hidden layers recur, from 1: `()` is the paper's
            DNN, `(2,)` its DRNN-2, `(1, 2, 3)` its sRNN.
        dropout: float. Share of hidden outputs that training drops; the paper trains without.
        sample_rate, n_fft, hop, window: see `Separator`.

    Input shape:
        waveform: `(batch, samples)`.

    Output shape:
        dict of `"vocals"` and `"accompaniment"`, each `(batch, samples)`.

    Example:

    ```python
    separator = DRNNSeparator()
    stems = separator(waveform)
    ```
    """

    def __init__(
        self,
        context: int = 3,
        units: int = 1000,
        depth: int = 3,
        recurrent_layers: Sequence[int] = (2,),
        dropout: float = 0.0,
        sample_rate: int = 16000,
        n_fft: int = 1024,
        hop: int = 512,
        window: str = "sine",
        **kwargs: Any,
    ):
        super().__init__(sample_rate, n_fft, hop, window, **kwargs)
        self.context = ContextWindow(context, name="context")
        self.stack = DeepRecurrentStack(
            len(self.stems) * self.stft.bins,
            units,
            depth,
            recurrent_layers,
            dropout,
            name="stack",
        )
        self.mask = TimeFrequencyMask(name="mask")

    def build(self, input_shape: Any = None) -> None:
        if not self.stack.built:
            self.stack.build((None, None, self.context.size * self.stft.bins))
        super().build(input_shape)

    def estimate(self, magnitude: Any, training: bool = False) -> Any:
        outputs = self.stack(self.context(magnitude), training=training)
        batch, frames, _ = ops.shape(outputs)
        separate = ops.reshape(outputs, (batch, frames, len(self.stems), self.stft.bins))
        return self.mask(ops.transpose(separate, (0, 2, 1, 3)), magnitude)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            context=self.context.size,
            units=self.stack.units,
            depth=self.stack.depth,
            recurrent_layers=list(self.stack.recurrent_layers),
            dropout=self.stack.dropout,
        )
        return config
