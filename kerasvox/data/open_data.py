"""Which data set a folder is."""

from pathlib import Path
from typing import Protocol

from kerasvox.data.clip import Clip
from kerasvox.data.mir1k import MIR1K, candidate_files
from kerasvox.data.shards.index import is_sharded
from kerasvox.data.shards.shard_set import ShardSet
from kerasvox.data.stems import Stems
from kerasvox.data.track_files import track_paths
from kerasvox.errors import DataError, UsageError

SETS = ("mir1k", "stems")


class DataSet(Protocol):
    """Clips in three splits.

    Attributes:
        directory: its folder.
        set: what a recipe calls it, `"mir1k"` or `"stems"`.
    """

    directory: Path
    set: str

    def clips(self, split: str) -> list[Clip]:
        """Return the clips of a split (`"train"`, `"dev"` or `"test"`), sorted by name."""


def open_data(directory: str | Path, kind: str | None = None, seed: int = 0) -> DataSet:
    """Open a data set, or the shards that were made of it.

    Args:
        directory: its folder; one with an index is a folder of shards.
        kind: what set it is, as a recipe says it in `data.set`: `"mir1k"` or `"stems"`; recognised
            where it is left out.
        seed: chooses the split of tracks that no folder chooses.

    Raises:
        DataError: if it is not, or cannot be read.
        UsageError: if there is no such kind.
    """
    directory = Path(directory)
    if kind is None:
        return (
            ShardSet(directory, seed)
            if is_sharded(directory)
            else _open_recognised(directory, seed)
        )
    if kind not in SETS:
        raise UsageError(f"unknown data set {kind!r}; sets are {', '.join(SETS)}")
    if is_sharded(directory):
        shards = ShardSet(directory, seed)
        if shards.set != kind:
            raise DataError(
                f"{directory}: its shards were made of the set {shards.set}; "
                f"the recipe's data.set is {kind}"
            )
        return shards
    try:
        return Stems(directory, seed) if kind == "stems" else MIR1K(directory)
    except DataError as error:
        _refuse_unfinished(directory)
        if kind == "mir1k" and _holds_tracks(directory):
            raise DataError(
                f"{directory}: holds tracks, not MIR-1K; for these data.set is stems in a recipe"
            ) from error
        raise


def _open_recognised(directory: Path, seed: int) -> DataSet:
    return open_data(directory, recognise(directory), seed)


def recognise(directory: str | Path) -> str:
    """Return the kind of data set that a folder holds: `"mir1k"` or `"stems"`.

    Raises:
        DataError: if it holds neither, or shards that are not finished.
    """
    directory = Path(directory)
    try:
        candidate_files(directory)
    except DataError as error:
        if not directory.is_dir():
            raise DataError(f"{directory}: is not a folder; give that of a data set") from error
        if _holds_tracks(directory):
            return "stems"
        _refuse_unfinished(directory)
        raise DataError(
            f"{directory}: holds neither MIR-1K (clips such as abjones_1_01.wav) nor tracks "
            "(folders with vocals and accompaniment or musdb's stems, or .stem.mp4 files)"
        ) from error
    return "mir1k"


def _refuse_unfinished(directory: Path) -> None:
    if any(directory.glob("shard-*.tfrecord*")):  # but no index, which comes last
        raise DataError(f"{directory}: holds unfinished shards; run `kerasvox data prepare` again")


def _holds_tracks(directory: Path) -> bool:
    return directory.is_dir() and next(track_paths(directory), None) is not None
