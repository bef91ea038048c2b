"""Starting Keras' backend without its chatter."""

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from kerasvox.errors import UsageError


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


def start_backend(operate: bool = True) -> None:
    """Import Keras and run a first operation, with nothing of it on the terminal.

    Args:
        operate: whether to run the operation; a cluster of TensorFlow's starts before any.

    Raises:
        UsageError: if the backend that Keras is set to is unknown or not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # The metric's small products are no work for many threads, which would fight with the
    # backend's own for the cores; read when numpy is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        with _signals_end_at_once(), quiet_libraries():
            import keras

            if operate:
                keras.ops.ones(1)
    except (ImportError, ValueError) as error:
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        raise UsageError(
            f"Keras cannot start its backend {backend} ({' '.join(str(error).split())}); install "
            "it, or set the environment variable KERAS_BACKEND to one that is: tensorflow or jax"
        ) from error


@contextmanager
def _signals_end_at_once() -> Iterator[None]:
    """End the process at Ctrl-C or SIGTERM without an exception, which a library may swallow.

    For the time in which nothing has begun. A process that ignores a signal goes on ignoring it.
    """

    def end(number: int, frame: FrameType | None) -> NoReturn:
        os._exit(128 + number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def require_tensorflow_backend(what: str) -> None:
    """Say in one line that something is TensorFlow's alone, where Keras runs on another backend.

    Args:
        what: the subject of the sentence, such as `"a SavedModel"`.

    Raises:
        UsageError: if Keras' backend is not TensorFlow.
    """
    import keras

    backend = keras.config.backend()
    if backend != "tensorflow":
        raise UsageError(
            f"{what} needs TensorFlow and Keras runs on {backend} here; "
            "install tensorflow and run it with KERAS_BACKEND=tensorflow"
        )
