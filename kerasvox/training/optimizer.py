"""From a recipe to Keras' optimiser."""

from typing import Any

import keras

from kerasvox.training.sections import Recipe

_OPTIMIZERS: dict[str, tuple[type[keras.optimizers.Optimizer], tuple[str, ...]]] = {
    "adam": (keras.optimizers.Adam, ()),
    "adamw": (keras.optimizers.AdamW, ("weight_decay",)),
    "sgd": (keras.optimizers.SGD, ("momentum",)),
}


def build_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """Return a recipe's optimiser, with its schedule, clipping, accumulation and average."""
    options = recipe.optimizer
    kind, keys = _OPTIMIZERS[options.name]
    arguments: dict[str, Any] = {key: getattr(options, key) for key in keys}
    batches = options.gradient_accumulation_steps
    if batches > 1:  # Keras takes no 1
        arguments["gradient_accumulation_steps"] = batches
    if options.ema_momentum is not None:
        # Keras averages after every batch, also after those that only accumulate: this root makes
        # the momentum that of an update.
        arguments.update(use_ema=True, ema_momentum=options.ema_momentum ** (1 / batches))
    return kind(_learning_rate(recipe), global_clipnorm=options.clip_norm, **arguments)


def _learning_rate(recipe: Recipe) -> Any:
    options = recipe.optimizer
    if options.schedule in ("constant", "plateau"):
        return options.learning_rate
    alpha = options.final_learning_rate / options.learning_rate
    if options.warmup_steps is None:
        return keras.optimizers.schedules.CosineDecay(
            options.learning_rate, decay_steps=recipe.steps, alpha=alpha
        )
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=recipe.steps - options.warmup_steps,
        alpha=alpha,
        warmup_target=options.learning_rate,
        warmup_steps=options.warmup_steps,
    )
