"""The TensorBoard log of a training run, where TensorFlow is there to write it."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras


def tensorboard_log(directory: Path, **options: Any) -> list[keras.callbacks.Callback]:
    """Return Keras' TensorBoard callback, or none where TensorFlow is not installed.

    Under JAX alone the callback has nothing to write with; the run goes on without it, and one line
    on the standard error stream says so. The CSV log has the same numbers.

    Args:
        directory: where the log goes.
        options: further arguments of `keras.callbacks.TensorBoard`.
    """
    if find_spec("tensorflow") is None:
        print(
            "kerasvox: no TensorBoard log: it needs TensorFlow; logs/training.csv has the numbers",
            file=sys.stderr,
        )
        return []
    return [keras.callbacks.TensorBoard(directory, write_graph=False, **options)]
