"""The check of a data set of whichever kind."""

from collections.abc import Callable, Iterable
from pathlib import Path

from kerasvox.data.check import Report, check
from kerasvox.data.check_tracks import check_tracks
from kerasvox.data.open_data import recognise
from kerasvox.data.shards.check_shards import check_shards
from kerasvox.data.shards.index import is_sharded


def check_set(
    directory: str | Path, progress: Callable[[list[Path]], Iterable[Path]] = iter
) -> Report:
    """Read everything that a folder holds and report what is wrong.

    Args:
        directory: a folder of MIR-1K, of tracks, or of shards.
        progress: wraps the list of what is read one after the other, to show how far the check is.

    Raises:
        DataError: if the folder is none of these.
    """
    directory = Path(directory)
    if is_sharded(directory):
        return check_shards(directory, progress)
    if recognise(directory) == "stems":
        return check_tracks(directory, progress)
    return check(directory, progress)
