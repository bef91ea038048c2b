"""From a data set to a folder of shards."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from kerasvox import presets
from kerasvox.data.clip import Clip
from kerasvox.data.mir1k import MIR1K, split_of
from kerasvox.data.mir1k import SPLITS as MIR1K_SPLITS
from kerasvox.data.open_data import recognise
from kerasvox.data.prefetch import cores
from kerasvox.data.shards.claim import claim, leftovers
from kerasvox.data.shards.finished import finished_shards
from kerasvox.data.shards.index import INDEX, Index, Shard, is_sharded
from kerasvox.data.shards.lock import locked
from kerasvox.data.shards.plan import PlannedShard, plan_shards
from kerasvox.data.shards.seal import seal
from kerasvox.data.shards.shard_pool import write_shards
from kerasvox.data.stems import Stems
from kerasvox.errors import DataError, UsageError

_MEGABYTE = 1 << 20


def prepare(
    directory: str | Path,
    output: str | Path,
    *,
    shard_mb: int = 256,
    workers: int | None = None,
    rate: int = 16000,
    progress: Callable[[int, int], None] = lambda done, clips: None,
) -> Path:
    """Write a data set as TFRecord shards with an index.

    Stopped at any moment, it goes on where it was: finished shards are kept, and the index comes
    last, so a folder without one is never taken for a set. Each shard holds
    `tf.train.Example` records of 16-bit samples (see `shard_writer`).

    Args:
        directory: the data set: MIR-1K, or tracks (see `stems.Stems`).
        output: the folder of the shards, made if it is missing.
        shard_mb: about how many MiB a shard has.
        workers: how many processes work, each on a shard; by default one for each core.
        rate: the sample rate in Hz that the models work at; other rates are resampled, but for
            MIR-1K, which has 16000 Hz.
        progress: called with the number of clips that are done and of all.

    Returns:
        The folder of the shards.

    Raises:
        DataError: if a clip cannot be used, and the shards without such a clip are kept; if a
            shard cannot be written, and no further one is tried; or if another run is at work.
        UsageError: if an option is out of range, or the folder holds something else.
    """
    _require(shard_mb >= 1, f"--shard-mb is {shard_mb}; it must be 1 or more")
    _require(rate >= 1, f"--rate is {rate}; it must be 1 Hz or more")
    _require(workers is None or workers >= 1, f"--workers is {workers}; it must be 1 or more")
    directory, output = Path(directory), Path(output)
    if is_sharded(directory):
        raise UsageError(f"{directory}: holds shards already; give the folder of the data set")
    kind = recognise(directory)
    plan = plan_shards(_clips(directory, kind), rate, shard_mb * _MEGABYTE)
    with locked(output):
        found = claim(output, plan)
        finished = {shard.name: shard for shard in finished_shards(output, plan, found)}
        try:
            _write_missing(output, plan, finished, rate, workers or cores(), progress)
            shards = tuple(finished[planned.name] for planned in plan)
            _publish(output, Index(set=kind, rate=rate, shards=shards), found)
        except OSError as error:
            raise DataError(
                f"{error.filename or output}: cannot be written ({error.strerror or error})"
            ) from error
    return output


def _write_missing(
    output: Path,
    plan: list[PlannedShard],
    finished: dict[str, Shard],
    rate: int,
    workers: int,
    progress: Callable[[int, int], None],
) -> None:
    """Write the shards of the plan that are not finished, and add them to those that are."""
    total = sum(len(planned.clips) for planned in plan)
    done = sum(len(shard.clips) for shard in finished.values())
    advance = partial(_advance, itertools.count(done), total, progress)
    advance()
    missing = [planned for planned in plan if planned.name not in finished]
    faults = []
    for shard in write_shards(missing, output, rate, workers, advance):
        if isinstance(shard, DataError):
            faults.append(shard)
        else:
            finished[shard.name] = shard
    if faults:
        more = f" (and {len(faults) - 1} more shard(s) with a fault)" if len(faults) > 1 else ""
        raise DataError(f"{faults[0]}{more}; {len(finished)} finished shard(s) are kept")


def _publish(output: Path, index: Index, found: Index | None) -> None:
    """Write the index, unless it is there, and remove what only led to it."""
    if index != found:  # else nothing needs the right to write
        presets.replace_text(output / INDEX, seal(index.model_dump(mode="json")))
    for path in leftovers(output, index):
        path.unlink()


def _clips(directory: Path, kind: str) -> Iterator[tuple[Clip, str | None]]:
    """Yield every clip with its split's folder, by folder and name: the same order every time."""
    if kind == "mir1k":
        data = MIR1K(directory)
        for split in MIR1K_SPLITS:
            yield from ((clip, split_of(clip.name)) for clip in data.clips(split))
        return
    stems = Stems(directory)
    folders = stems.folders
    for track in sorted(stems.tracks, key=lambda track: (folders[track.name] or "", track.name)):
        yield track, folders[track.name]


def _advance(count: Iterator[int], total: int, progress: Callable[[int, int], None]) -> None:
    progress(next(count), total)


def _require(satisfied: bool, message: str) -> None:
    if not satisfied:
        raise UsageError(message)
