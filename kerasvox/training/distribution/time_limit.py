"""A limit on the time that native code takes which no signal and no thread of Python's can end."""

import faulthandler
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Ends unheard when its input does: the limit was kept, or who set it is gone.
_TELL = """
import select, sys
if not select.select([sys.stdin], [], [], float(sys.argv[1]))[0]:
    print("kerasvox:", sys.argv[2], file=sys.stderr)
"""
_TO_TELL = 2.0  # seconds


@contextmanager
def time_limit(seconds: float, message: str) -> Iterator[None]:
    """End the process with a message on the standard error stream, and exit code 1, at a limit.

    For code that holds the interpreter's lock: a thread of Python's would not run, so a process
    tells and faulthandler, whose timer needs no lock, ends this one.

    Args:
        seconds: the limit.
        message: the one line.
    """
    command = [sys.executable, "-c", _TELL, str(seconds), message]
    with (
        # In a session of its own: Ctrl-C in the terminal is for this process.
        subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True),
        open(os.devnull, "w") as nowhere,
    ):
        faulthandler.dump_traceback_later(seconds + _TO_TELL, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
