"""Which clip goes into which shard."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasvox.audio.reader import AudioReader
from kerasvox.data.clip import Clip
from kerasvox.data.shards.index import VERSION
from kerasvox.errors import AudioError, DataError

# Assumed of a file that does not say how long it is: an ordinary song.
_USUAL_SECONDS = 240.0
_BYTES = 2  # of a sample


@dataclass(frozen=True)
class PlannedShard:
    """A shard to be made.

    Attributes:
        name: its file's name.
        clips: what goes in, and the split whose folder each lies in, or None.
        origin: a fingerprint of the files it is made from and of how.
    """

    name: str
    clips: tuple[tuple[Clip, str | None], ...]
    origin: str


def plan_shards(
    clips: Iterable[tuple[Clip, str | None]], rate: int, limit: int
) -> list[PlannedShard]:
    """Fill shards with clips, in order, by what their headers promise.

    Args:
        clips: with the split whose folder each lies in; clips of different folders share no shard.
        rate: sample rate in Hz of the shards.
        limit: bytes of a shard, about; a clip that is longer by itself has one of its own.

    Raises:
        DataError: if a file cannot be opened.
    """
    groups: list[list[tuple[Clip, str | None]]] = []
    filled = 0
    for clip, folder in clips:
        size = _size(clip, rate)
        if not groups or filled + size > limit or groups[-1][-1][1] != folder:
            groups.append([])
            filled = 0
        groups[-1].append((clip, folder))
        filled += size
    return [
        PlannedShard(f"shard-{number:05d}.tfrecord", tuple(group), _origin(group, rate))
        for number, group in enumerate(groups)
    ]


def _size(clip: Clip, rate: int) -> int:
    path = clip.files[0]
    try:
        with AudioReader(path) as reader:
            samples = reader.samples
            seconds = _USUAL_SECONDS if samples is None else samples / reader.rate
            # The one file of a MIR-1K clip has a source in each channel.
            one = len(clip.files) == 1 and path.suffix.lower() != ".mp4"
            channels = 1 if one else reader.channels
    except AudioError as error:
        raise DataError(str(error)) from error
    return round(seconds * rate) * channels * 2 * _BYTES


def _origin(group: list[tuple[Clip, str | None]], rate: int) -> str:
    description: list[Any] = [VERSION, rate]
    for clip, folder in group:
        description.append([clip.name, folder, [_stamp(path) for path in clip.files]])
    return hashlib.sha256(json.dumps(description).encode()).hexdigest()


def _stamp(path: Path) -> list[str | int]:
    status = path.stat()
    return [path.name, status.st_size, status.st_mtime_ns]
