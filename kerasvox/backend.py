"""Starting Keras' backend without its chatter."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep off the terminal what native libraries print while they load.

    For programs of ours (the command line, scoring processes), never for `import kerasvox`.
    TensorFlow writes to the standard error stream before any setting of its own is read, so the
    stream itself is turned away meanwhile; what was written is shown if an error ends it.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except Exception:
            chatter.seek(0)
            os.write(terminal, chatter.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def start_backend() -> None:
    """Import Keras and run a first operation, with nothing of it on the terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # The metric's small products are no work for many threads, which would fight with the
    # backend's own for the cores; read when numpy is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with quiet_libraries():
        import keras

        keras.ops.ones(1)
