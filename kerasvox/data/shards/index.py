"""The index of a folder of shards: what lies where."""

import json
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from kerasvox.data.shards.seal import unseal
from kerasvox.data.splits import split_tracks
from kerasvox.errors import DataError

INDEX = "index.json"
VERSION = 1

Positive = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Record(NamedTuple):
    """A stretch of a clip: one record of a shard.

    Attributes:
        offset: byte of the shard at which the record starts.
        length: bytes of the record, framing included.
        samples: samples of the stretch in each channel.
        vocals: byte of the record at which the samples of the vocals start; those of the
            accompaniment likewise. They are int16, little-endian, one channel after the other.
        accompaniment: see `vocals`.
    """

    offset: int
    length: int
    samples: int
    vocals: int
    accompaniment: int


class ShardedClip(_Part):
    """A clip and its records, in order; all but the last are equally long.

    Attributes:
        name: the clip's name; `song` and `singer` as the data set told them.
        folder: the split that the clip belongs to, or None if a seed chooses.
        samples: its length at the shards' rate.
        channels: 1 or 2.
        exponent: a sample is its 16-bit value over 32768 times 2 to this power; above 0 where
            a sum of stems exceeds full scale.
        unit_gains: of each source, those of its channels and, of two, of their mean; see
            `augmentation.unit_gains`.
        records: where it lies in its shard.
    """

    name: str
    song: str
    singer: str
    folder: str | None
    samples: Positive
    channels: Annotated[int, Field(ge=1, le=2)]
    exponent: Natural
    unit_gains: tuple[tuple[float, ...], tuple[float, ...]]
    records: tuple[Record, ...]


class Shard(_Part):
    """A finished shard.

    Attributes:
        name: its file's name.
        length: its size in bytes.
        sha256: of its content.
        origin: a fingerprint of what it was made from; another one means to make it anew.
        clips: what it holds.
    """

    name: str
    length: Positive
    sha256: str
    origin: str
    clips: tuple[ShardedClip, ...]


class Index(_Part):
    """What a folder of shards holds.

    Attributes:
        format: tells the file from other JSON.
        version: of this layout.
        set: which data set it was, as a recipe names it.
        rate: sample rate in Hz.
        shards: all of them.
    """

    format: str = "kerasvox-shards"
    version: int = VERSION
    set: str
    rate: Positive
    shards: tuple[Shard, ...]

    def splits(self, seed: int = 0) -> dict[str, str]:
        """Return the split of every clip, see `splits.split_tracks`."""
        folders = {clip.name: clip.folder for shard in self.shards for clip in shard.clips}
        if self.set == "mir1k":  # a published split is never filled up with other clips
            return {name: folder for name, folder in folders.items() if folder}
        return split_tracks(folders, seed)


class DamagedIndexError(DataError):
    """An index that is cut, changed or of another version: preparing again makes it anew."""


def is_sharded(directory: Path) -> bool:
    """Return whether a folder is one of shards: whether it has their index.

    Raises:
        DataError: if that cannot be seen.
    """
    try:
        return (directory / INDEX).is_file()
    except OSError as error:
        raise DataError(f"{directory}: cannot be read ({error.strerror})") from error


def read_index(directory: Path) -> Index:
    """Return the index of a folder of shards.

    Raises:
        DamagedIndexError: if it is cut, was changed or is of another version.
        DataError: if it cannot be read or is of something else.
    """
    path = directory / INDEX
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != "kerasvox-shards":
            raise DataError(f"{path}: is no index of shards")
        if content.get("version") != VERSION:
            raise DamagedIndexError(
                f"{path}: is of version {content.get('version')}, this kerasvox reads {VERSION}; "
                "run `kerasvox data prepare` again"
            )
        return Index.model_validate(unseal(content))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise DamagedIndexError(f"{path}: is damaged; run `kerasvox data prepare` again") from error
