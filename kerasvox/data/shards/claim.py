"""Whether a folder may be filled with shards, and what of it can go when that is done."""

import re
from pathlib import Path

from kerasvox.data.shards.index import INDEX, DamagedIndexError, Index, is_sharded, read_index
from kerasvox.data.shards.plan import PlannedShard
from kerasvox.data.shards.shard_writer import DONE
from kerasvox.errors import UsageError

_SHARD = r"shard-\d{5,}\.tfrecord"
# What runs leave that are stopped: shards, what the index will say of them, and halves of both.
_OWN = re.compile(rf"{_SHARD}(\.json|\.part)?|\.({_SHARD}\.json|index\.json)\.partial")


def claim(output: Path, plan: list[PlannedShard]) -> Index | None:
    """See that a folder holds nothing but what a run with this plan may replace.

    That is what a run left that was stopped, with whichever plan, or a finished set of this one.
    Names that begin with a dot are the system's and do not matter.

    Args:
        output: the folder.
        plan: the shards that are to lie there.

    Returns:
        The index that is there, or None if there is none or it is damaged.

    Raises:
        DataError: if the index cannot be read.
        UsageError: if the folder holds something else.
    """
    index = _index(output)
    origins = {planned.name: planned.origin for planned in plan}
    if index and {shard.name: shard.origin for shard in index.shards} != origins:
        raise UsageError(
            f"{output}: holds shards of another set, or made with other options, or the set's "
            "files have changed since; take another folder or remove it"
        )
    names = {path.name for path in output.iterdir() if not path.name.startswith(".")}
    known = {name for name in names if _OWN.fullmatch(name)}
    # A shard that a stopped run left has its `.json`; those of an index, even a damaged one, not.
    unproven = {name for name in known if name.endswith(".tfrecord") and name + DONE not in known}
    if INDEX in names:
        known.add(INDEX)
        unproven -= origins.keys()
    foreign = sorted(names - known | unproven)
    if foreign:
        raise UsageError(f"{output}: holds {foreign[0]}; take an empty folder")
    return index


def leftovers(output: Path, index: Index) -> list[Path]:
    """Return what runs left in a folder and its index does not need, a shard before its proof."""
    needed = {shard.name for shard in index.shards}
    return sorted(
        path for path in output.iterdir() if _OWN.fullmatch(path.name) and path.name not in needed
    )


def _index(output: Path) -> Index | None:
    try:
        return read_index(output) if is_sharded(output) else None
    except DamagedIndexError:
        return None
