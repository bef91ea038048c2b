"""The progress of a training run on the terminal."""

import math
import sys
import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS = 0.5


class TrainingProgress(keras.callbacks.Callback):
    """A bar with the steps done, the loss and the time left; a line with the scores an epoch.

    Args:
        steps: steps of the whole run.
        done: steps that an earlier part of the run has done.
        steps_per_epoch: steps of an epoch.
    """

    def __init__(self, steps: int, done: int, steps_per_epoch: int):
        super().__init__()
        self.steps_per_epoch = steps_per_epoch
        self._read = -math.inf  # when the loss was read last
        self.progress = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4g}"),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
        )
        self.task = self.progress.add_task("train", total=steps, completed=done, loss=math.nan)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Show the bar."""
        self.progress.start()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move on by a step."""
        self.progress.update(self.task, advance=1)
        # Reading the loss waits for the device, so it is not done faster than anyone can read.
        if time.monotonic() - self._read >= _SECONDS:
            self._read = time.monotonic()
            self.progress.update(self.task, loss=float((logs or {}).get("loss", math.nan)))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print a line with the scores."""
        logs = logs or {}
        scores = [f"loss {logs.get('loss', math.nan):.4g}"]
        scores += [f"{key} {value:.2f}" for key, value in logs.items() if key.startswith("dev_")]
        step = (epoch + 1) * self.steps_per_epoch
        line = f"step {step}: {', '.join(scores)}"
        # In a log file, which is no terminal, one line is one epoch.
        self.progress.console.print(line, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away, also after an error."""
        self.progress.stop()
