"""A folder for one run at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kerasvox.errors import DataError, UsageError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder if it is missing, and keep other runs on this machine out of it.

    The lock is the system's, on the folder itself: it leaves no file, needs no right to write, and
    goes with the process that holds it, however that ends.

    Args:
        folder: which.

    Raises:
        DataError: if another run holds it.
        UsageError: if it cannot be made or opened.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror or error})") from error
    try:
        _take(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DataError(
            f"{folder}: another `kerasvox data prepare` is at work there; let it end, or take "
            "another folder"
        ) from error
    except OSError:  # a file system without locks: a run that is alone, as most are, needs none
        pass
