"""Checkpoints of a training run: all that `--resume` needs."""

import json
import shutil
from pathlib import Path
from typing import Any

import keras

_WEIGHTS = "training.weights.h5"
_STATE = "state.json"
_KEPT = 2


class Checkpoint(keras.callbacks.Callback):
    """Saves weights, optimiser state and the run's own state after each epoch.

    A checkpoint is a folder `step_00001000`, written under another name and renamed when it is
    whole, so that a kill at any moment leaves the one before. The last two are kept, and the best
    by dev score.

    Args:
        directory: where the checkpoints go.
        state: dict that other callbacks change as the run goes on; saved with every checkpoint.
    """

    def __init__(self, directory: Path, state: dict[str, Any]):
        super().__init__()
        self.directory = directory
        self.state = state

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save the state after an epoch, then remove the checkpoints that are no longer needed."""
        step = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        self.state.update(epoch=epoch + 1, step=step)
        partial = self.directory / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        self.model.save_weights(partial / _WEIGHTS)
        (partial / _STATE).write_text(json.dumps(self.state, indent=2), encoding="utf-8")
        final = checkpoint_directory(self.directory, step)
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
        self._prune()

    def _prune(self) -> None:
        best = checkpoint_directory(self.directory, self.state.get("best", {}).get("step", 0))
        for old in sorted(self.directory.glob("step_*"))[:-_KEPT]:
            if old != best:
                shutil.rmtree(old)


def checkpoint_directory(directory: Path, step: int) -> Path:
    """Return the folder of the checkpoint after a step."""
    return directory / f"step_{step:08d}"


def newest_state(directory: Path) -> dict[str, Any] | None:
    """Return the state of the newest checkpoint, or None where there is none."""
    checkpoints = sorted(directory.glob("step_*"))
    if not checkpoints:
        return None
    return json.loads((checkpoints[-1] / _STATE).read_text(encoding="utf-8"))


def load_checkpoint(model: keras.Model, directory: Path, step: int) -> None:
    """Load weights and optimiser state after a step into a built and compiled model."""
    model.load_weights(checkpoint_directory(directory, step) / _WEIGHTS)
