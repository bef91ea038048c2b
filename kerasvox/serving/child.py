"""A server that is a process of its own, stopped when we are."""

import signal
import subprocess
from types import FrameType

from kerasvox.errors import ServingError

_STOP_SECONDS = 30.0  # that it has to end before it is killed


def run_child(command: list[str]) -> None:
    """Run a command until it ends, or until SIGINT or SIGTERM stop it and us.

    Raises:
        ServingError: if it cannot be started, or ends without having been asked to.
    """
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        process.terminate()

    try:
        # A session of its own: Ctrl-C in the terminal reaches us alone, and we decide.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        raise ServingError(f"{command[0]} cannot be started: {error.strerror}") from error
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while process.poll() is None:
            try:
                process.wait(_STOP_SECONDS if stopping else 1.0)
            except subprocess.TimeoutExpired:
                if stopping:
                    process.kill()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not stopping:
        raise ServingError(f"{command[0]} has ended by itself, exit code {process.returncode}")
