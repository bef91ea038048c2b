"""The separation of a live signal, block by block."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasvox.audio.fifo import SampleFifo
from kerasvox.errors import UsageError

if TYPE_CHECKING:
    from kerasvox.models.drnn.separator import DRNNSeparator

# The most hops in one step: a long push takes no more memory than a short one.
_MOST_HOPS = 64


class SeparatorStream:
    """Separates signals while they come: push blocks of any length, get the stems so far.

    What `push` and `flush` return, joined, equals what the separator makes of the whole signal.
    The stems of a sample come out with the push that completes the hop `delay` samples later.

    Args:
        separator: the model.
        step: takes a dict of `"waveform"`, `"end"` and the states, and returns one of the stems
            and the new states, numpy arrays: the separator's `streaming_step`, compiled.
        batch: int. Signals side by side.

    Raises:
        UsageError: if batch is below 1.

    Example:

    ```python
    stream = separator.stream()
    stems = stream.push(block)  # {"vocals": (1, n), "accompaniment": (1, n)}, n >= 0
    rest = stream.flush()
    ```
    """

    def __init__(
        self,
        separator: "DRNNSeparator",
        step: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]],
        batch: int = 1,
    ):
        if batch < 1:
            raise UsageError(f"a stream has a batch of at least 1; received batch={batch}")
        self.batch = batch
        self.delay = separator.streaming_delay
        self._stems = separator.stems
        self._hop = separator.alignment
        self._step = step
        self._state = separator.streaming_state(batch)
        self._waiting = SampleFifo(batch)  # for the rest of their hop
        self._early = self.delay  # samples of the step's output that lie before the signal
        self._owed = 0  # samples whose stems have not come out
        self._ended = False

    def push(self, samples: Any) -> dict[str, np.ndarray]:
        """Take the next samples; return the stems that they complete.

        Args:
            samples: floats of shape `(batch, n)`, full scale at +-1, any `n`.

        Returns:
            dict of `"vocals"` and `"accompaniment"`, float32 `(batch, m)`; `m` may be 0.

        Raises:
            UsageError: if the samples have another shape or type or are not finite, or if the
                stream has been flushed.
        """
        self._check_open()
        block = self._checked(samples)
        self._waiting.push(block)
        self._owed += block.shape[1]
        pieces = []
        while hops := min(len(self._waiting) // self._hop, _MOST_HOPS):
            pieces.append(self._advance(self._waiting.take(hops * self._hop)))
        return self._joined(pieces)

    def flush(self) -> dict[str, np.ndarray]:
        """End the signal; return the rest of the stems.

        Raises:
            UsageError: if the stream has been flushed before.
        """
        self._check_open()
        self._ended = True
        pieces = []
        if rest := len(self._waiting):
            last = np.pad(self._waiting.take(rest), ((0, 0), (0, self._hop - rest)))
            pieces.append(self._advance(last))
        if self.delay:
            nothing = np.zeros((self.batch, self.delay), np.float32)
            pieces.append(self._advance(nothing, end=1.0))
        return self._joined(pieces)

    def _advance(self, waveform: np.ndarray, end: float = 0.0) -> dict[str, np.ndarray]:
        ends = np.full(self.batch, end, np.float32)
        outputs = self._step({"waveform": waveform, "end": ends, **self._state})
        self._state = {name: outputs[name] for name in self._state}
        early = min(self._early, waveform.shape[1])
        self._early -= early
        return {stem: outputs[stem][:, early:] for stem in self._stems}

    def _joined(self, pieces: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Join the outputs of steps, but for what lies behind the signal's end."""
        none = np.zeros((self.batch, 0), np.float32)
        stems = {
            stem: np.concatenate([none, *(piece[stem] for piece in pieces)], axis=1)
            for stem in self._stems
        }
        stems = {stem: wave[:, : self._owed] for stem, wave in stems.items()}
        self._owed -= stems[self._stems[0]].shape[1]
        return stems

    def _check_open(self) -> None:
        if self._ended:
            raise UsageError("this stream has been flushed; make another one with stream()")

    def _checked(self, samples: Any) -> np.ndarray:
        array = np.asarray(samples)
        if array.ndim != 2 or len(array) != self.batch:
            raise UsageError(
                f"this stream takes samples of shape ({self.batch}, n); received {array.shape}"
            )
        if not np.issubdtype(array.dtype, np.floating):
            raise UsageError(f"a stream takes floats, full scale at 1; received {array.dtype}")
        with np.errstate(over="ignore"):
            # A copy: who records sound uses the same buffer again.
            block = array.astype(np.float32)
        if not np.isfinite(block).all():
            raise UsageError(
                f"the samples of shape {array.shape} are not all finite in float32; "
                "the stream goes on without them"
            )
        return block
