"""Where an export grows until it is whole: a folder beside its place, gone after any failure."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kerasvox.errors import ExportError


@contextmanager
def partial_folder(output: Path) -> Iterator[Path]:
    """Make a folder in `output` to write into; remove it, and what it was made in, at the end.

    What is to stay is published with `publish`. Folders above are kept only if they hold something
    by then, or were there before.

    Args:
        output: the folder that the export goes to; made if need be.

    Yields:
        the new folder, `<output>/.partial-...`.

    Raises:
        ExportError: if it cannot be made or written.
    """
    made = [each for each in (output, *output.parents) if not each.exists()]
    try:
        try:
            output.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=output, prefix=".partial-"))
        except OSError as error:
            raise ExportError(
                f"{output}: cannot be written ({error.strerror}); choose another folder"
            ) from error
        try:
            yield partial
        except OSError as error:
            raise ExportError(f"{output}: cannot be written ({error})") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    finally:
        for folder in made:
            _remove_if_empty(folder)


def publish(partial: Path, target: Path) -> None:
    """Rename what is whole to its place, which must still be free.

    Raises:
        ExportError: if something is there by now.
    """
    parent_is_new = not target.parent.exists()
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if target.exists():
            raise ExportError(f"{target}: exists already; exports are never overwritten")
        partial.replace(target)
    except BaseException:
        if parent_is_new:
            _remove_if_empty(target.parent)
        raise


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
