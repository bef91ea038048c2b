"""One step of the separation of a live signal, as a graph without memory."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from kerasvox.errors import UsageError
from kerasvox.layers.magnitude import magnitude

if TYPE_CHECKING:
    from kerasvox.models.drnn.separator import DRNNSeparator


class StreamingStep:
    """The next hops of a live signal in, the stems of earlier hops out; the state in and out.

    The stems are those of the whole song, `delay` samples later. What has to be known of the past
    is in the state, a dict of float32 tensors, all of them zero before the song:

    - `state_frames`, `(batch,)`: the frames so far, up to the number that matters;
    - `state_waveform`, `(batch, samples)`: the newest samples, from which the frames that are
      still needed are transformed again;
    - `state_masks`, `(batch, frames, bins)`: the newest masks of the vocals, whose frames reach
      into stems that are still to come;
    - `state_recurrence_<l>`, `(batch, units)`: the `h` of each recurrent layer `l`.

    A song is sent in whole hops, its last one filled up with zeros; then, in one step with `end`
    at 1, `delay` zeros, for which the rest of the stems comes out. Each row is a signal of its
    own: one may start or end while others go on.

    Args:
        separator: the model whose layers do the work.

    Input shape:
        waveform: `(batch, samples)`, one or more whole hops.
        state: dict of `(batch, ...)` as above.
        end: `(batch,)`, 1 where the song has ended before this step, else 0; left out, 0.

    Output shape:
        tuple of the stems, a dict of `"vocals"` and `"accompaniment"`, each `(batch, samples)`,
        whose sum is the waveform of `delay` samples ago, and of the new state.

    Raises:
        UsageError: if the waveform has another rank or is known to be no whole number of hops,
            or a state is missing, unknown or of another shape.
    """

    def __init__(self, separator: "DRNNSeparator"):
        stft, stack = separator.stft, separator.stack
        self.separator = separator
        self.hop = stft.hop
        self.overlap = stft.overlap
        self.lookahead = separator.context.size // 2
        # A sample lies in `overlap` frames, and the last of them wants its right neighbours.
        self.delay = (self.overlap - 1 + self.lookahead) * self.hop
        # The frames that reach into later hops; one at least, as servers want no empty tensor.
        self.masks = max(self.overlap - 1, 1)
        # The frames at hand in a step: `kept`, as left neighbours and under the masks of the
        # past; one a hop, which are estimated now; `lookahead`, as right neighbours.
        self.kept = max(self.lookahead, self.masks)
        self.past = self.kept + self.lookahead  # those that the state must give again
        self.recurrences = [f"state_recurrence_{layer}" for layer in stack.recurrent_layers]
        self.shapes: dict[str, tuple[int, ...]] = {
            "state_frames": (),
            "state_waveform": ((self.past + self.overlap - 1) * self.hop,),
            "state_masks": (self.masks, stft.bins),
            **dict.fromkeys(self.recurrences, (stack.units,)),
        }

    def initial_state(self, batch: int) -> dict[str, np.ndarray]:
        """Return the state before a song: float32 zeros, `(batch, ...)` by name."""
        shapes = self.shapes.items()
        return {name: np.zeros((batch, *shape), np.float32) for name, shape in shapes}

    def __call__(
        self, waveform: Any, state: Mapping[str, Any], end: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        self._check(waveform, state)
        waveform = ops.convert_to_tensor(waveform, "float32")
        state = {name: ops.convert_to_tensor(value, "float32") for name, value in state.items()}
        frames, masks = state["state_frames"], state["state_masks"]
        end = ops.zeros_like(frames) if end is None else ops.convert_to_tensor(end, "float32")

        heard = ops.concatenate([state["state_waveform"], waveform], axis=1)
        samples = ops.shape(waveform)[1]
        hops = samples // self.hop
        real, imag = self._spectrum(heard, hops)
        # The number in the song of each frame here: negative before the song.
        place = ops.arange(self.past + hops, dtype="float32")
        number = place + (frames - self.past)[:, None]
        ahead = ops.cast(place >= ops.cast(self.kept + hops, "float32"), "float32")
        behind = end[:, None] * ahead
        mixture = self._edges_repeated(magnitude(real, imag), number, behind, hops)

        hidden = [state[name] for name in self.recurrences]
        new_masks, hidden = self._estimate(mixture, number, hidden, hops)
        masks = ops.concatenate([masks, new_masks], axis=1)
        vocals = self._synthesis(masks, real, imag, hops)
        start = self.kept * self.hop
        delayed = heard[:, start : start + samples]
        state = {
            "state_frames": ops.minimum(frames + ops.cast(hops, "float32"), float(self.past)),
            "state_waveform": heard[:, -self.shapes["state_waveform"][0] :],
            "state_masks": masks[:, -self.masks :],
            **dict(zip(self.recurrences, hidden, strict=True)),
        }
        return {"vocals": vocals, "accompaniment": delayed - vocals}, state

    def _spectrum(self, heard: Any, hops: Any) -> tuple[Any, Any]:
        """Transform the `past + hops` frames that lie within `heard`, and no others."""
        whole = slice(self.overlap - 1, self.overlap - 1 + self.past + hops)
        real, imag = self.separator.stft(heard)
        return real[:, whole], imag[:, whole]

    def _edges_repeated(self, mixture: Any, number: Any, behind: Any, hops: Any) -> Any:
        """Put the song's first frame in the place of those before it, its last of those behind."""
        number, behind = number[..., None], behind[..., None]
        first = ops.sum(ops.where(ops.equal(number, 0.0), mixture, 0.0), axis=1, keepdims=True)
        mixture = ops.where(number < 0.0, first, mixture)
        end = self.kept + hops
        return ops.where(behind > 0.0, mixture[:, end - 1 : end], mixture)

    def _estimate(
        self, mixture: Any, number: Any, hidden: list[Any], hops: Any
    ) -> tuple[Any, list[Any]]:
        """Return the masks of the frames that now have their neighbours, and the new `h`."""
        separator = self.separator
        frames = slice(self.kept, self.kept + hops)
        present = ops.cast(number[:, frames] >= 0.0, "float32")[..., None]
        features = separator.context(mixture)[:, frames]
        outputs, hidden = separator.stack.resume(features, hidden, present)
        masks = separator.masked(outputs, mixture[:, frames])[:, 0] / mixture[:, frames]
        return masks, [ops.cast(each, "float32") for each in hidden]

    def _synthesis(self, masks: Any, real: Any, imag: Any, hops: Any) -> Any:
        """Return the vocals of the hops whose last frame has got its mask in this step."""
        frames = slice(self.kept - self.masks, self.kept + hops)
        done = (self.masks + 1 - self.overlap) * self.hop
        return self.separator.inverse_stft(
            masks * real[:, frames], masks * imag[:, frames], samples=done + hops * self.hop
        )[:, done:]

    def _check(self, waveform: Any, state: Mapping[str, Any]) -> None:
        shape = tuple(waveform.shape)
        if len(shape) != 2 or (shape[1] is not None and (shape[1] < 1 or shape[1] % self.hop)):
            raise UsageError(
                "a streaming step takes (batch, samples) with samples a multiple of "
                f"{self.hop}, at least one; received {shape}"
            )
        if set(state) != set(self.shapes):
            raise UsageError(
                f"a streaming step takes the states {', '.join(self.shapes)}; "
                f"received {', '.join(state) or 'none'}"
            )
        for name, expected in self.shapes.items():
            if tuple(state[name].shape[1:]) != expected:
                raise UsageError(
                    f"{name} is of shape {('batch', *expected)}; "
                    f"received {tuple(state[name].shape)}".replace("'", "")
                )
