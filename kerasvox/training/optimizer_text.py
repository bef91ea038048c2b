"""What a model card says of the optimiser and the options of a training run."""

from kerasvox.training.optimizer_section import OptimizerSection
from kerasvox.training.sections import Recipe


def optimizer_text(recipe: Recipe) -> str:
    """Return a part of a sentence: optimiser, learning rate, and the options that were used."""
    options, patience = recipe.optimizer, recipe.early_stopping.patience
    parts = [
        _name(options),
        f"learning rate {_rate(options)}",
        f"gradients clipped to a norm of {options.clip_norm:g}",
    ]
    if options.gradient_accumulation_steps > 1:
        batches = options.gradient_accumulation_steps
        parts.append(f"updates by the mean gradient of {batches} batches")
    if options.ema_momentum is not None:
        parts.append(f"the weights' moving average (momentum {options.ema_momentum:g}) is kept")
    if recipe.precision != "float32":
        parts.append(f"layers in {recipe.precision} (weights in float32)")
    if patience is not None:
        parts.append(f"to stop after {_epochs(patience)} without a better dev score")
    return ", ".join(parts)


def _name(options: OptimizerSection) -> str:
    return {
        "adam": "Adam",
        "adamw": f"AdamW (weight decay {options.weight_decay:g})",
        "sgd": f"SGD (momentum {options.momentum:g})",
    }[options.name]


def _rate(options: OptimizerSection) -> str:
    first, last = f"{options.learning_rate:g}", f"{options.final_learning_rate:g}"
    if options.schedule == "constant":
        return first
    if options.schedule == "plateau":
        plateau = options.plateau
        return (
            f"{first}, times {plateau.factor:g} after {_epochs(plateau.patience)} without a better "
            f"dev score, down to {last}"
        )
    if options.schedule == "warmup_cosine":
        return f"0 to {first} in {options.warmup_steps} steps, then to {last} along half a cosine"
    return f"{first} to {last} along half a cosine"


def _epochs(number: int) -> str:
    return "an epoch" if number == 1 else f"{number} epochs"
