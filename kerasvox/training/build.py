"""From a recipe to what trains: separator, loss, batches."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasvox import presets
from kerasvox.data.batches import TrainingBatches
from kerasvox.data.clip import Clip
from kerasvox.data.shards.shard_clip import ShardClip
from kerasvox.data.sources import Sources
from kerasvox.errors import UsageError
from kerasvox.models.drnn.discriminative_loss import DiscriminativeLoss
from kerasvox.models.drnn.separator import DRNNSeparator
from kerasvox.models.separator import Separator
from kerasvox.models.spectrogram_fusion.minimum_difference_mask_loss import (
    MinimumDifferenceMaskLoss,
)
from kerasvox.models.spectrogram_fusion.multi_task_loss import MultiTaskLoss
from kerasvox.models.spectrogram_fusion.separator import SpectrogramFusionSeparator
from kerasvox.models.spectrogram_fusion.two_head_separator import TwoHeadSeparator
from kerasvox.training.precision import layers_in
from kerasvox.training.sections import FusionRecipe, Recipe

# By the recipe's system: the separator and the loss.
_SYSTEMS: dict[str, tuple[type[Separator], type[keras.losses.Loss]]] = {
    "drnn": (DRNNSeparator, DiscriminativeLoss),
    "two_head_bilstm": (TwoHeadSeparator, MultiTaskLoss),
    "spectrogram_fusion": (SpectrogramFusionSeparator, MinimumDifferenceMaskLoss),
}
# What the data section says of the clips, or in other units.
_NOT_OF_BATCHES = {
    "set",
    "decoder",
    "split_seed",
    "held_out_songs",
    "held_out_singer",
    "seconds",
    "equal_singers",
    "channels",
}


def build_separator(recipe: Recipe) -> Separator:
    """Return the separator of a recipe, untrained but for a first stage that a preset gives.

    Raises:
        UsageError: if an argument of the model is out of its range, or the preset of the first
            stage does not fit.
        PresetError: if that preset cannot be loaded.
    """
    _check_precision(recipe)
    kind, _ = _SYSTEMS[recipe.model.system]
    # What the recipe leaves out takes the default of the class.
    arguments = recipe.model.model_dump(exclude={"system"}, exclude_unset=True)
    with layers_in(recipe.precision):
        if isinstance(recipe, FusionRecipe) and recipe.stages.first is not None:
            return _with_first_stage(recipe, arguments)
        return kind(**arguments, name=recipe.name)


def _check_precision(recipe: Recipe) -> None:
    if recipe.precision != "mixed_float16" or not isinstance(recipe, FusionRecipe):
        return
    devices = keras.distribution.list_devices() if keras.config.backend() == "jax" else []
    if any(device.startswith("cpu") for device in devices):
        raise UsageError(
            "precision is 'mixed_float16', in which JAX has no attention on CPUs; take "
            "'mixed_bfloat16' or 'float32'"
        )


def float32_twin(recipe: Recipe, separator: Separator) -> Separator:
    """Return the separator that users get: the same weights, all sums in float32.

    Half precision is a matter of training on a device that gains by it; a preset runs anywhere.

    Args:
        recipe: its recipe.
        separator: the trained separator, whose layers compute as `recipe.precision` says.
    """
    if recipe.precision == "float32":
        return separator
    twin = build_separator(recipe.model_copy(update={"precision": "float32"}))
    twin.build()
    twin.set_weights(separator.get_weights())
    return twin


def _with_first_stage(recipe: FusionRecipe, arguments: dict[str, Any]) -> Separator:
    first = TwoHeadSeparator.from_preset(recipe.stages.first or "")
    theirs = first.get_config()
    if arguments.setdefault("first_stage", theirs["first_stage"]) != theirs["first_stage"]:
        raise UsageError(
            f"model.first_stage differs from that of {recipe.stages.first}; leave it out"
        )
    for name in ("sample_rate", "n_fft", "hop", "window"):
        if arguments.setdefault(name, theirs[name]) != theirs[name]:
            raise UsageError(
                f"model.{name} is {arguments[name]!r} and that of {recipe.stages.first} is "
                f"{theirs[name]!r}; they must be equal"
            )
    separator = SpectrogramFusionSeparator(**arguments, name=recipe.name)
    separator.build()
    separator.first_stage.set_weights(first.first_stage.get_weights())
    separator.first_stage.trainable = not recipe.stages.freeze_first
    return separator


def first_stage_sha256(recipe: Recipe) -> str | None:
    """Return the sha256 of the weights that a recipe's first stage comes from, if it has such."""
    if not isinstance(recipe, FusionRecipe) or recipe.stages.first is None:
        return None
    return presets.weights_sha256(presets.preset_directory(recipe.stages.first))


def build_loss(recipe: Any) -> keras.losses.Loss:
    """Return the objective of a recipe."""
    _, kind = _SYSTEMS[recipe.model.system]
    return kind(**recipe.loss.model_dump())


def build_batches(
    recipe: Recipe,
    separator: Separator,
    clips: Sequence[Clip],
    sources: Sequence[np.ndarray | Sources] | None = None,
) -> TrainingBatches:
    """Return the batches of a recipe; examples are whole hops long.

    Args:
        recipe: the recipe.
        separator: what it trains, for its sample rate and hop.
        clips: the clips that train.
        sources: theirs, if they were read already.

    Raises:
        DataError: if a clip cannot be read. Of shards nothing is read before it is needed.
    """
    options, hop = recipe.data, separator.stft.hop
    if sources is None:
        sources = _sources(recipe, separator.sample_rate, clips)
    lengths = [
        source.shape[-1] if isinstance(source, np.ndarray) else source.samples for source in sources
    ]
    weights = np.array(lengths, "float64")
    if options.equal_singers:
        singers = np.array([clip.singer for clip in clips])
        for singer in set(singers):
            weights[singers == singer] /= weights[singers == singer].sum()
    return TrainingBatches(
        sources,
        samples=max(1, round(options.seconds * separator.sample_rate / hop)) * hop,
        seed=recipe.seed,
        weights=list(weights),
        **options.model_dump(exclude=_NOT_OF_BATCHES),
    )


def _sources(recipe: Recipe, rate: int, clips: Sequence[Clip]) -> Sequence[Sources]:
    downmix = recipe.data.channels == "downmix"
    # In shards there is nothing to decode.
    if recipe.data.decoder == "tfio" and not any(isinstance(clip, ShardClip) for clip in clips):
        from kerasvox.data.tfio import graph_sources

        return graph_sources(clips, rate, downmix)
    return [clip.training_sources(rate, downmix) for clip in clips]
