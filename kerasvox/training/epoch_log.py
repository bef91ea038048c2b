"""The CSV log of a training run."""

import csv
import io
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras

from kerasvox import presets


class EpochLog(keras.callbacks.Callback):
    """Writes one row an epoch: its loss and the dev scores.

    The rows live in the run's state, and so in its checkpoints; the file is written anew each time,
    so that a resumed run neither repeats nor lacks a row. (Keras' own CSVLogger appends, and adds
    empty `val_` columns for scores that are not its own.)

    Args:
        path: the CSV file.
        state: the run's state; `state["history"]` is the list of rows.
    """

    def __init__(self, path: Path, state: dict[str, Any]):
        super().__init__()
        self.path = path
        self.state = state

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the row of an epoch."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        self.state.setdefault("history", []).append({"epoch": epoch + 1, **values})
        # Where the disk is full, the checkpoint says so; the next row brings this one along.
        with suppress(OSError):
            self._write()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Say it where even the last row could not be written."""
        try:
            self._write()
        except OSError as error:
            print(f"kerasvox: {self.path}: cannot be written ({error})", file=sys.stderr)

    def _write(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.state["history"][0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.state["history"])
        presets.replace_text(self.path, text.getvalue())
