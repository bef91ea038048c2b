"""A folder of shards as a data set."""

from pathlib import Path

from kerasvox.data.clip import Clip
from kerasvox.data.shards.index import read_index
from kerasvox.data.shards.shard_clip import ShardClip
from kerasvox.data.shards.shard_file import ShardFile
from kerasvox.data.splits import check_split


class ShardSet:
    """The clips of a folder that `kerasvox data prepare` wrote.

    Nothing but the index is read until a clip is. Training reads the stretches that a batch is
    made of, wherever they lie: its batches are those of the same set in memory, in the same order,
    from whichever step and on whichever worker, and a set of any size needs no more memory.

    Args:
        directory: the folder of the shards.
        seed: chooses the split of tracks that no folder chooses.

    Raises:
        DataError: if the index is damaged or of another version, or a shard is missing or cut
            short.
    """

    def __init__(self, directory: str | Path, seed: int = 0):
        self.directory = Path(directory)
        index = read_index(self.directory)
        self.set, self.rate = index.set, index.rate
        self._clips: list[ShardClip] = []
        for shard in index.shards:
            path = self.directory / shard.name
            file = ShardFile(path, shard.length)
            self._clips += [
                ShardClip(clip.name, path, entry=clip, file=file, rate=index.rate)
                for clip in shard.clips
            ]
        self._clips.sort(key=lambda clip: clip.name)
        self._splits = index.splits(seed)

    def clips(self, split: str) -> list[Clip]:
        """Return the clips of a split, sorted by name.

        Args:
            split: `"train"`, `"dev"` or `"test"`.
        """
        check_split(split)
        return [clip for clip in self._clips if self._splits[clip.name] == split]
