"""The signatures of a SavedModel: what a server offers."""

from typing import Any

import tensorflow as tf

from kerasvox.export import wav
from kerasvox.export.checks import checked_waveform, require, require_finite
from kerasvox.models.separator import Separator


class Servable(tf.Module):
    """A separator as functions of plain tensors, with nothing of Keras in what is saved.

    - `serving_default`: `waveform` float32 `(batch, samples)` to a stem each of the same shape;
    - `wav_bytes`: `wav_bytes` string `(batch,)`, 16-bit WAV files of one or two channels, to
      `<stem>_bytes` string `(batch,)`, files of the same length and channels. One clip runs after
      the other, each channel by itself: to pad clips to one length would change their stems;
    - `streaming`, where the separator can: see `DRNNSeparator.streaming_step`.

    A request that cannot be separated is refused in the graph, with a message that says why.

    Args:
        twin: what `export_twin` made.
        max_seconds: the longest waveform that is taken.
    """

    def __init__(self, twin: Separator, max_seconds: float):
        super().__init__(name="kerasvox")
        # Only these are tracked. The Keras model stays in the functions' closures: a SavedModel
        # of it would hold Keras' own copy of everything.
        self.separator_variables = [variable.value for variable in twin.weights]
        rate = twin.sample_rate
        max_samples = round(max_seconds * rate)

        def separate(waveform: tf.Tensor) -> dict[str, tf.Tensor]:
            return twin(checked_waveform(waveform, rate, max_samples), training=False)

        def separate_wav(wav_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            batch = tf.shape(wav_bytes)[0]

            def separate_clip(clip: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
                waveform = wav.decode(clip[0], clip[1], rate, max_samples)
                stems = twin(waveform, training=False)
                return {f"{stem}_bytes": wav.encode(each, rate) for stem, each in stems.items()}

            names = [f"{stem}_bytes" for stem in twin.stems]
            with require(batch >= 1, "wav_bytes has a batch of {}; send at least 1 file", [batch]):
                clips = (tf.identity(wav_bytes), tf.range(batch))
            # In turn: side by side they would only fight for memory and cores.
            return tf.map_fn(
                separate_clip,
                clips,
                fn_output_signature=dict.fromkeys(names, tf.string),
                parallel_iterations=1,
            )

        # The traced function of each signature, by name.
        self.functions = {
            "serving_default": _function(separate, {"waveform": _floats(None, None)}),
            "wav_bytes": _function(separate_wav, {"wav_bytes": tf.TensorSpec([None], tf.string)}),
        }
        if twin.can_stream:
            step, specs = _streaming(twin, max_samples)
            self.functions["streaming"] = _function(step, specs)


def _streaming(twin: Any, max_samples: int) -> tuple[Any, dict[str, tf.TensorSpec]]:
    hop = twin.alignment
    states = {name: each.shape[1:] for name, each in twin.streaming_state(1).items()}
    specs = {"waveform": _floats(None, None), "end": _floats(None)}
    specs |= {name: _floats(None, *shape) for name, shape in states.items()}

    def step(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        batch, samples = tf.unstack(tf.shape(inputs["waveform"]))
        limit = max(max_samples // hop, 1) * hop
        with (
            require(batch >= 1, "waveform has a batch of {}; send at least 1 signal", [batch]),
            require(
                (samples >= 1) & (samples <= limit) & (samples % hop == 0),
                f"waveform has {{}} samples; send a multiple of {hop}, {hop} to {limit}",
                [samples],
            ),
            _require_batch(inputs, batch),
            require_finite(inputs["waveform"]),
        ):
            inputs = {name: tf.identity(each) for name, each in inputs.items()}
        waveform, end = inputs.pop("waveform"), inputs.pop("end")
        stems, state = twin.streaming_step(waveform, inputs, end)
        return {**stems, **state}

    return step, specs


def _require_batch(inputs: dict[str, tf.Tensor], batch: tf.Tensor) -> Any:
    names = sorted(inputs)
    batches = tf.stack([tf.shape(inputs[name])[0] for name in names])
    template = f"{', '.join(names)} have batches of {{}}; send all of them with the same"
    return require(tf.reduce_all(batches == batch), template, [batches])


def _floats(*shape: int | None) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.float32)


def _function(python: Any, specs: dict[str, tf.TensorSpec]) -> Any:
    """Trace once; the names of the inputs are those of the signature."""
    named = {name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in specs.items()}
    return tf.function(python, autograph=False).get_concrete_function(**named)
