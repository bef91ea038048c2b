"""Scores on the dev clips while training goes on."""

from collections.abc import Callable
from typing import Any

import keras

from kerasvox.training.averaged_weights import averaged_weights

Means = dict[str, dict[str, float]]


class DevScores(keras.callbacks.Callback):
    """Scores the model after each epoch and notes the best one in the run's state.

    The score that picks is GNSDR of the vocals, as in the DRNN authors' code. Where the optimiser
    averages the weights, the average is scored.

    Args:
        score: returns the means of the model as it is now, `{stem: {"GNSDR": dB, ...}}`.
        state: the run's state; `state["best"]` gets the epoch, the step and the means.
    """

    def __init__(self, score: Callable[[], Means], state: dict[str, Any]):
        super().__init__()
        self.score = score
        self.state = state

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Score, and put the scores into the logs for the callbacks that come after."""
        with averaged_weights(self.model):
            means = self.score()
        if logs is not None:
            for stem, scores in means.items():
                logs.update({f"dev_{stem}_{name}": dB for name, dB in scores.items()})
        best = self.state.get("best")
        if best is None or means["vocals"]["GNSDR"] > best["dev"]["vocals"]["GNSDR"]:
            # Counted in batches: an optimiser counts updates, of which there may be fewer.
            step = (epoch + 1) * self.params["steps"]
            self.state["best"] = {"epoch": epoch + 1, "step": step, "dev": means}
