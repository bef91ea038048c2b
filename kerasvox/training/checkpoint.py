"""Checkpoints of a training run: all that `--resume` needs."""

import copy
import sys
from pathlib import Path
from typing import Any

import keras

from kerasvox.errors import TrainingError
from kerasvox.training.checkpoint_files import (
    best_step,
    checkpoint_directory,
    checkpoints,
    load_weights,
    read_checkpoint,
    remove_checkpoint,
    write_checkpoint,
)

_KEPT = 2


class Checkpoint(keras.callbacks.Callback):
    """Saves weights, optimiser, random generators and the run's own state after each epoch.

    The last two are kept, and of each of them the best one by dev score up to there, so that a run
    can go on from either as if it had never been stopped.

    Where a checkpoint cannot be written (a full disk), a line says so, the ones before stay as they
    are and the run goes on.

    Args:
        directory: where the checkpoints go.
        state: dict that other callbacks change as the run goes on; saved with every checkpoint.
            Where the last one could not be, `state["fault"]` says why.
    """

    def __init__(self, directory: Path, state: dict[str, Any]):
        super().__init__()
        self.directory = directory
        self.state = state
        self._best = copy.deepcopy(state.get("best"))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save the state after an epoch, then remove the checkpoints that are no longer needed."""
        step = (epoch + 1) * self.params["steps"]
        self.state.update(epoch=epoch + 1, step=step)
        self.state.pop("fault", None)
        try:
            write_checkpoint(self.model, self.directory, self.state)
        except OSError as error:
            self._note(error)
            return
        self._best = copy.deepcopy(self.state.get("best"))
        try:
            self._prune()
        except OSError as error:
            _warn(f"step {step}: saved, but older checkpoints could not be removed ({error})")

    def _note(self, error: OSError) -> None:
        # A best epoch that could not be saved must not keep the next good one from being so.
        self.state.pop("best", None)
        if self._best is not None:
            self.state["best"] = copy.deepcopy(self._best)
        self.state["fault"] = " ".join(str(error).split())
        _warn(
            f"step {self.state['step']}: the checkpoint could not be saved "
            f"({self.state['fault']}); the ones before are kept and training goes on"
        )

    def _prune(self) -> None:
        folders = checkpoints(self.directory)
        kept = set(folders[-_KEPT:])
        for folder in folders[-_KEPT:]:
            best = best_step(folder)
            if best is not None:
                kept.add(checkpoint_directory(self.directory, best))
        for folder in set(folders) - kept:
            remove_checkpoint(folder)


def newest_state(directory: Path) -> dict[str, Any] | None:
    """Return the state of the newest checkpoint that is whole, or None where there is none.

    A line on the standard error stream tells of each that is damaged.

    Raises:
        TrainingError: if there are checkpoints, and all of them are damaged.
    """
    states, faults = _whole(directory)
    if not states:
        if faults:
            raise TrainingError(
                f"{directory}: no checkpoint is whole ({'; '.join(faults)}); remove the folder to "
                "start anew"
            )
        return None
    state = states[max(states)]
    for fault in faults:
        _warn(f"{directory / fault}; going on without it, from step {max(states)}")
    best = state.get("best")
    if best is not None and best["step"] not in states:
        _replace_best(state, states)
    return state


def load_checkpoint(model: keras.Model, directory: Path, step: int) -> None:
    """Load what was saved after a step into a built and compiled model.

    Raises:
        TrainingError: if it is missing or damaged.
    """
    folder = checkpoint_directory(directory, step)
    try:
        load_weights(model, folder, read_checkpoint(folder))
    except ValueError as error:
        raise TrainingError(
            f"{folder}: is damaged ({error}); --resume goes on from another checkpoint"
        ) from error


def _whole(directory: Path) -> tuple[dict[int, dict[str, Any]], list[str]]:
    """Return the states of the checkpoints that are whole, by step, and the others' faults."""
    states, faults = {}, []
    for folder in checkpoints(directory):
        try:
            state = read_checkpoint(folder)
            states[state["step"]] = state
        except ValueError as error:
            faults.append(f"{folder.name} is damaged: {error}")
    return states, faults


def _replace_best(state: dict[str, Any], states: dict[int, dict[str, Any]]) -> None:
    """Let the best of those that are still there take the place of a best one that is not."""
    steps = {other["epoch"]: step for step, other in states.items()}
    rows = [row for row in state.get("history", []) if row["epoch"] in steps]
    lost = state.pop("best")["step"]
    if not rows:
        return
    row = max(rows, key=lambda row: row["dev_vocals_GNSDR"])
    dev: dict[str, dict[str, float]] = {}
    for key in (key for key in row if key.startswith("dev_")):
        _, stem, name = key.split("_", 2)
        dev.setdefault(stem, {})[name] = row[key]
    state["best"] = {"epoch": row["epoch"], "step": steps[row["epoch"]], "dev": dev}
    _warn(
        f"the best checkpoint, that of step {lost}, is missing or damaged; the best one left is "
        f"that of step {state['best']['step']}"
    )


def _warn(line: str) -> None:
    print(f"kerasvox: {line}", file=sys.stderr)
