"""The check of a folder of shards."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from kerasvox.data.check import Report
from kerasvox.data.inspection import Finding
from kerasvox.data.shards.index import Shard, read_index
from kerasvox.data.shards.sha256 import sha256_of
from kerasvox.data.splits import SPLITS


def check_shards(
    directory: Path, progress: Callable[[list[Path]], Iterable[Path]] = iter
) -> Report:
    """Read every shard whole and compare it with the index.

    Args:
        directory: the folder of the shards.
        progress: wraps the list of shards that are read one after the other.

    Raises:
        DataError: if the index cannot be read.
    """
    index = read_index(directory)
    shards = {directory / shard.name: shard for shard in index.shards}
    findings = [
        finding for path in progress(list(shards)) for finding in _findings(path, shards[path])
    ]
    clips = [clip for shard in index.shards for clip in shard.clips]
    splits = index.splits()
    by_split = {split: [clip for clip in clips if splits[clip.name] == split] for split in SPLITS}
    return Report(
        directory=directory,
        clips={split: len(ones) for split, ones in by_split.items()},
        seconds={
            split: sum(clip.samples for clip in ones) / index.rate
            for split, ones in by_split.items()
        },
        rates={index.rate: len(clips)},
        channels=dict(sorted(Counter(clip.channels for clip in clips).items())),
        findings=tuple(findings),
    )


def _findings(path: Path, shard: Shard) -> Iterator[Finding]:
    try:
        damaged = path.stat().st_size != shard.length or sha256_of(path) != shard.sha256
    except OSError as error:
        yield Finding("error", "unreadable", path, f"cannot be read ({error.strerror})")
        return
    if damaged:
        message = "is damaged, it is not what the index describes; prepare it again"
        yield Finding("error", "damaged", path, message)
