"""The deep recurrent network as a separator."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasvox.layers.time_frequency_mask import TimeFrequencyMask
from kerasvox.models.drnn.compiled_step import CompiledStep
from kerasvox.models.drnn.context_window import ContextWindow
from kerasvox.models.drnn.deep_recurrent_stack import DeepRecurrentStack
from kerasvox.models.drnn.separator_stream import SeparatorStream
from kerasvox.models.drnn.streaming_step import StreamingStep
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

    can_stream = True

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
        self._compiled_step: Any = None

    def build(self, input_shape: Any = None) -> None:
        if not self.stack.built:
            self.stack.build((None, None, self.context.size * self.stft.bins))
        super().build(input_shape)

    def estimate(self, magnitude: Any, training: bool = False) -> Any:
        return self.masked(self.stack(self.context(magnitude), training=training), magnitude)

    def masked(self, outputs: Any, magnitude: Any) -> Any:
        """Turn the outputs of the stack into the estimates of the stems.

        Args:
            outputs: `(batch, frames, stems * bins)`.
            magnitude: `(batch, frames, bins)`, the mixture's.

        Returns:
            `(batch, stems, frames, bins)`.
        """
        separate = ops.stack(ops.split(outputs, len(self.stems), axis=-1), axis=1)
        return self.mask(separate, magnitude)

    def stream(self, batch: int = 1) -> SeparatorStream:
        """Return a stream that separates a live signal: push samples, get stems.

        The first one takes a moment longer, for it compiles the step.

        Args:
            batch: signals side by side.

        Raises:
            UsageError: if batch is below 1.

        Example:

        ```python
        stream = DRNNSeparator.from_preset("drnn_mir1k").stream()
        for block in blocks:  # float32 (1, samples), of any length
            play(stream.push(block)["accompaniment"])
        play(stream.flush()["accompaniment"])
        ```
        """
        if self._compiled_step is None:
            step = CompiledStep(self)
            step.warm_up()
            # The method alone: a model held here would be a part of this one, and this one of it.
            self._compiled_step = step.predict_on_batch
        return SeparatorStream(self, self._compiled_step, batch)

    @property
    def streaming_delay(self) -> int:
        """Samples that the stems of `streaming_step` lag behind: `n_fft - hop` and lookahead."""
        return StreamingStep(self).delay

    def streaming_state(self, batch: int = 1) -> dict[str, np.ndarray]:
        """Return the state before a song: float32 zeros, `(batch, ...)` by name."""
        return StreamingStep(self).initial_state(batch)

    def streaming_step(
        self, waveform: Any, state: Mapping[str, Any], end: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Separate the next piece of a live signal: see `StreamingStep`, which does."""
        return StreamingStep(self)(waveform, state, end)

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
