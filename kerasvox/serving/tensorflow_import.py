"""TensorFlow without Keras: all that running a SavedModel needs."""

import os
import sys
from typing import Any

from kerasvox.backend import quiet_libraries
from kerasvox.errors import ServingError


def import_tensorflow() -> Any:
    """Import TensorFlow with nothing on the terminal, and without the Keras that it would load.

    TensorFlow imports Keras to register its optimizers and goes on where that fails; a server has
    no use for it, starts faster and is smaller without.

    Raises:
        ServingError: if TensorFlow is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    hidden = {name for name in ("keras", "tf_keras") if name not in sys.modules}
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # makes an import fail
    try:
        with quiet_libraries():
            import tensorflow as tf

            tf.zeros(1)  # the first operation looks for GPUs, and talks about it
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise ServingError(
            "the embedded server needs tensorflow: pip install tensorflow"
        ) from error
    finally:
        for name in hidden:
            del sys.modules[name]
    return tf
