"""What the verbs that compute have in common: starting Keras' backend."""

import os
import sys
import tempfile


def start_backend() -> None:
    """Import Keras and run a first operation, without the backend's chatter on the terminal.

    TensorFlow's native libraries write to the standard error stream before any setting of theirs
    is read, so the stream itself is turned away meanwhile. If the start fails, all of it is shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            import keras

            keras.ops.ones(1)
        except BaseException:
            chatter.seek(0)
            os.write(terminal, chatter.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
