"""A run's folder for one process at a time."""

import os
import sys
import weakref
from pathlib import Path

from kerasvox.errors import UsageError

if sys.platform != "win32":
    import fcntl

_NAME = ".lock"
# The locks of this process, by device and inode of their files.
_held: "weakref.WeakValueDictionary[tuple[int, int], RunLock]" = weakref.WeakValueDictionary()


class RunLock:
    """Keeps other processes out of a run's folder for as long as this object lives.

    The lock is the system's, on the file `.lock`, so it goes with its process, however that ends;
    the file stays, since to remove it would let two in. One process may lock a folder twice: a
    notebook makes its trainer anew while the one that was interrupted still lives. Windows has no
    such locks: there nothing is kept out.

    Args:
        directory: the run's folder.

    Raises:
        UsageError: if another process holds the lock.
        OSError: if `.lock` cannot be written.
    """

    def __init__(self, directory: Path):
        descriptor = os.open(directory / _NAME, os.O_RDWR | os.O_CREAT, 0o666)
        weakref.finalize(self, os.close, descriptor)
        status = os.fstat(descriptor)
        file = (status.st_dev, status.st_ino)
        # What holds the lock for this process already, and must live until the last one has gone.
        self._first = _held.get(file)
        if self._first is None:
            if not _take(descriptor):
                raise UsageError(
                    f"{directory}: another process trains here; let it end, or give another folder"
                )
            _held[file] = self


def _take(descriptor: int) -> bool:
    """Lock an open file; False if another process has."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks: a run that is alone, as most are, needs none
            pass
    return True
