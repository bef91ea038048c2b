"""Ctrl-C while processes start."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back until the block ends, and keep it from processes that start in the block.

    A terminal sends it to all of them, and each would print a traceback until it has come to the
    line that ignores it. They inherit what is held back; this thread takes it up again after.
    (Where libraries have threads, the system may hand it to one of these: then it comes at once.)
    Make the executor before the block, as its first lock lets signals through again. Does nothing
    on systems that cannot hold signals back.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
