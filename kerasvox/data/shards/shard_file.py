"""A shard, read a piece at a time."""

import os
import threading
from pathlib import Path

from kerasvox.data.shards.index import Record
from kerasvox.data.shards.tfrecord import HEADER, unframe
from kerasvox.errors import DataError


class ShardFile:
    """Reads stretches of records, and checks each record the first time it is read from.

    Safe to use from several threads. Nothing but the stretch asked for is held in memory.

    Args:
        path: the shard.
        length: its size in bytes, as the index has it.

    Raises:
        DataError: if it is missing or has another size.
    """

    def __init__(self, path: Path, length: int):
        self.path = path
        self._checked: set[int] = set()
        self._file: int | None = None
        self._lock = threading.Lock()
        try:
            found = path.stat().st_size
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
        if found != length:
            raise DataError(f"{path}: has {found} bytes, {length} by the index; prepare it again")

    def read(self, record: Record, start: int, length: int) -> bytes:
        """Return bytes of a record's data.

        Args:
            record: which.
            start: the first byte, counted in the data.
            length: how many.

        Raises:
            DataError: if the record is damaged or the file cannot be read.
        """
        try:
            if record.offset in self._checked:
                return self._pread(length, record.offset + HEADER + start)
            data = unframe(self._pread(record.length, record.offset))
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise DataError(f"{self.path}: {error}; prepare it again") from error
        self._checked.add(record.offset)
        return bytes(data[start : start + length])

    def _pread(self, length: int, offset: int) -> bytes:
        data = os.pread(self._descriptor(), length, offset)
        if len(data) < length:
            raise ValueError("it ends early")
        return data

    def _descriptor(self) -> int:
        with self._lock:
            if self._file is None:
                self._file = os.open(self.path, os.O_RDONLY)
            return self._file

    def __del__(self) -> None:
        file = getattr(self, "_file", None)
        if file is not None:
            os.close(file)

    def __reduce__(self) -> tuple:
        return ShardFile, (self.path, self.path.stat().st_size)
