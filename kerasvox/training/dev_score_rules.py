"""What happens when the dev score does not improve: the rate falls, the run ends."""

import sys
from typing import Any

import keras

from kerasvox.training.sections import Recipe

_SCORE = "dev_vocals_GNSDR"


class _Remembering(keras.callbacks.Callback):
    """Base of Keras' callbacks that count epochs, whose counts outlive the process."""

    section: str  # of the run's state
    counts: tuple[str, ...]
    state: dict[str, Any]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start as Keras does, then go on from what an earlier process counted."""
        super().on_train_begin(logs)
        for name, value in self.state.get(self.section, {}).items():
            setattr(self, name, value)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Count, and keep the counts for the checkpoint."""
        super().on_epoch_end(epoch, logs)
        self.state[self.section] = {name: getattr(self, name) for name in self.counts}


class RateOnPlateau(_Remembering, keras.callbacks.ReduceLROnPlateau):
    """Keras' ReduceLROnPlateau for the vocals' dev score, GNSDR; it resumes.

    The authors of both papers halve the rate when the score of their dev set does not improve.

    Args:
        state: the run's state, with the counts in `plateau`.
        factor: what the rate is multiplied with.
        patience: epochs without a better score.
        lowest: below which the rate does not fall.
    """

    section = "plateau"
    counts = ("best", "wait", "cooldown_counter")

    def __init__(self, state: dict[str, Any], factor: float, patience: int, lowest: float):
        super().__init__(
            monitor=_SCORE,
            mode="max",
            factor=factor,
            patience=patience,
            min_delta=0.0,
            min_lr=lowest,
        )
        self.state = state


class StopEarly(_Remembering, keras.callbacks.EarlyStopping):
    """Keras' EarlyStopping for the vocals' dev score, GNSDR; a run that it ended stays ended.

    Args:
        state: the run's state, with the counts in `early_stopping`.
        patience: epochs without a better score.
    """

    section = "early_stopping"
    counts = ("best", "wait", "best_epoch", "stopped_epoch")

    def __init__(self, state: dict[str, Any], patience: int):
        super().__init__(monitor=_SCORE, mode="max", patience=patience)
        self.state = state

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Say that the run ended early, if it did."""
        super().on_train_end(logs)
        if self.stopped_epoch:
            print(
                f"kerasvox: stopped after epoch {self.stopped_epoch + 1}: the dev score was best "
                f"after epoch {self.best_epoch + 1}",
                file=sys.stderr,
            )


def stopped_early(state: dict[str, Any]) -> bool:
    """Return whether `StopEarly` ended the run that a state is of."""
    return bool(state.get(StopEarly.section, {}).get("stopped_epoch"))


def dev_score_rules(recipe: Recipe, state: dict[str, Any]) -> list[keras.callbacks.Callback]:
    """Return the callbacks that a recipe asks for; they come after `DevScores`."""
    options = recipe.optimizer
    rules: list[keras.callbacks.Callback] = []
    if options.schedule == "plateau":
        plateau = options.plateau
        lowest = options.final_learning_rate
        rules.append(RateOnPlateau(state, plateau.factor, plateau.patience, lowest))
    if recipe.early_stopping.patience is not None:
        rules.append(StopEarly(state, recipe.early_stopping.patience))
    return rules
