"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from kerasvox.errors import AudioError


class PendingFile(AbstractContextManager):
    """A file that is written under a temporary name beside its place, and renamed at the end.

    Leaving the context by an exception (`KeyboardInterrupt` too) removes the temporary.

    Args:
        path: where the file shall be.

    Attributes:
        path: as given.
        temporary: what to write to; it exists, empty, from entering on.

    Raises:
        AudioError: if the place is a folder, or nothing can be written there.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")

    def __enter__(self):
        if self.path.is_dir():
            raise AudioError(f"{self.path}: is a folder; a file has to be written there")
        try:
            self.temporary.open("wb").close()
        except OSError as error:
            raise cannot_write(self.path, error) from error
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is not None:
            self.temporary.unlink(missing_ok=True)
            return
        try:
            os.replace(self.temporary, self.path)
        except OSError as failure:
            self.temporary.unlink(missing_ok=True)
            raise cannot_write(self.path, failure) from failure

    def write_text(self, text: str) -> None:
        """Write the whole file."""
        try:
            self.temporary.write_text(text, encoding="utf-8")
        except OSError as error:
            raise cannot_write(self.path, error) from error
        self.sync()

    def sync(self) -> None:
        """Bring the temporary to the disk: a full one may show no earlier than here."""
        try:
            with self.temporary.open("rb+") as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(self.path, error) from error


@contextmanager
def made_folder(path: str | Path) -> Iterator[Path]:
    """Make a folder with its parents; if an exception follows, remove what was made.

    Raises:
        AudioError: if it cannot be made.
    """
    path = Path(path)
    made: list[Path] = []
    try:
        try:
            for folder in (*reversed(path.parents), path):
                if folder.is_file():
                    raise AudioError(f"{folder}: is a file; an output folder has to be there")
                if not folder.is_dir():
                    folder.mkdir(exist_ok=True)
                    made.append(folder)
        except OSError as error:
            raise cannot_write(path, error) from error
        yield path
    except BaseException:
        for folder in reversed(made):
            try:
                folder.rmdir()
            except OSError:  # someone else put a file there in the meantime
                break
        raise


def cannot_write(path: Path, error: OSError) -> AudioError:
    """Return the one-line error for a place that cannot be written to."""
    reason = error.strerror or str(error)
    return AudioError(f"{path}: cannot be written ({reason}); choose another output folder")
