"""The rows of an evaluation that is under way, on disk so that it can be resumed."""

import json
from pathlib import Path
from typing import Any

from kerasvox.errors import KerasvoxError


class PartialReport:
    """A file of JSON lines: what is evaluated, then a row for each clip that is done.

    A last line that a kill has torn is dropped. A file that belongs to another evaluation is never
    continued and never overwritten unasked.

    Args:
        path: the file.
        header: what is evaluated, and how; rows are only taken over if it is equal.
        resume: whether to go on with the rows that the file holds. Else it is begun anew.

    Attributes:
        rows: the rows that were found.

    Raises:
        KerasvoxError: if the file belongs to another evaluation, or cannot be read or written.
    """

    def __init__(self, path: Path, header: dict[str, Any], resume: bool = True):
        self.path = path
        self.rows: list[dict[str, Any]] = []
        kept = 0
        try:
            if resume and path.exists():
                content = path.read_bytes()
                kept = self._take_over(content, header)
            self._file = path.open("r+b" if kept else "wb")
        except OSError as error:
            raise KerasvoxError(f"{path}: cannot be written ({error.strerror})") from error
        self._file.truncate(kept)
        self._file.seek(kept)
        if not kept:
            self._write(header)

    def append(self, row: dict[str, Any]) -> None:
        """Add the row of a clip, at once visible to whoever resumes."""
        self._write(row)

    def close(self) -> None:
        """Close the file and leave it for a later run."""
        self._file.close()

    def remove(self) -> None:
        """Remove the file: the report is written."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _write(self, record: dict[str, Any]) -> None:
        try:
            self._file.write(_line(record))
            self._file.flush()
        except OSError as error:
            raise KerasvoxError(f"{self.path}: cannot be written ({error.strerror})") from error

    def _take_over(self, content: bytes, header: dict[str, Any]) -> int:
        """Read the rows, and return how many bytes of the file are whole lines."""
        if _line(header).startswith(content):
            return len(content) if content.endswith(b"\n") else 0
        whole = content[: content.rfind(b"\n") + 1]
        try:
            found, *self.rows = [json.loads(line) for line in whole.split(b"\n")[:-1]]
            differing = [key for key in header if found.get(key) != header[key]]
        except (ValueError, AttributeError):
            differing = ["content"]
        if differing:
            self.rows = []
            raise KerasvoxError(
                f"{self.path}: belongs to another evaluation (its {', '.join(differing)} differ); "
                "delete it, or start anew with --no-resume"
            )
        return len(whole)


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, allow_nan=False).encode() + b"\n"
