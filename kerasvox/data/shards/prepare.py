"""From a data set to a folder of shards."""

import itertools
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from kerasvox import presets
from kerasvox.data.clip import Clip
from kerasvox.data.mir1k import MIR1K, split_of
from kerasvox.data.mir1k import SPLITS as MIR1K_SPLITS
from kerasvox.data.open_data import recognise
from kerasvox.data.prefetch import cores
from kerasvox.data.shards.index import INDEX, Index, Shard, is_sharded, read_index
from kerasvox.data.shards.plan import PlannedShard, plan_shards
from kerasvox.data.shards.sha256 import sha256_of
from kerasvox.data.shards.shard_pool import write_shards
from kerasvox.data.shards.shard_writer import PART
from kerasvox.data.stems import Stems
from kerasvox.errors import DataError, UsageError

DONE = ".json"  # ends the name of what the index will say of a finished shard
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
        DataError: if a clip cannot be used; the shards without such a clip are kept.
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
    _claim(output, plan)
    finished = {shard.name: shard for shard in _finished(output, plan)}
    total = sum(len(planned.clips) for planned in plan)
    done = sum(len(shard.clips) for shard in finished.values())
    advance = partial(_advance, itertools.count(done), total, progress)
    advance()
    faults = []
    missing = [planned for planned in plan if planned.name not in finished]
    for shard in write_shards(missing, output, rate, workers or cores(), advance):
        if isinstance(shard, DataError):
            faults.append(shard)
            continue
        finished[shard.name] = shard
        presets.replace_text(output / (shard.name + DONE), shard.model_dump_json() + "\n")
    if faults:
        more = f" (and {len(faults) - 1} more shard(s) with a fault)" if len(faults) > 1 else ""
        raise DataError(f"{faults[0]}{more}; {len(finished)} finished shard(s) are kept")
    index = Index(set=kind, rate=rate, shards=tuple(finished[planned.name] for planned in plan))
    presets.replace_text(output / INDEX, index.model_dump_json() + "\n")
    for planned in plan:
        (output / (planned.name + DONE)).unlink(missing_ok=True)
    return output


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


def _claim(output: Path, plan: list[PlannedShard]) -> None:
    """Make the output folder, or see that it holds nothing but shards of this plan."""
    names = {planned.name + end for planned in plan for end in ("", DONE, PART)} | {INDEX}
    try:
        output.mkdir(parents=True, exist_ok=True)
        for path in sorted(output.iterdir()):
            if path.name.startswith("shard-") and path.name.endswith(PART):
                path.unlink()
            elif path.name not in names and not path.name.startswith("shard-"):
                raise UsageError(f"{output}: holds {path.name}; take an empty folder")
    except OSError as error:
        raise UsageError(f"{output}: cannot be written ({error.strerror or error})") from error
    if is_sharded(output):
        known = {shard.name: shard.origin for shard in read_index(output).shards}
        if known != {planned.name: planned.origin for planned in plan}:
            raise UsageError(
                f"{output}: holds shards of another set, or made with other options; take another "
                "folder or remove it"
            )


def _finished(output: Path, plan: list[PlannedShard]) -> Iterator[Shard]:
    """Yield the shards that are there, whole, and made from what the plan says."""
    indexed = read_index(output).shards if is_sharded(output) else ()
    known = {shard.name: shard for shard in indexed}
    for planned in plan:
        shard = known.get(planned.name) or _read_done(output / (planned.name + DONE))
        path = output / planned.name
        if shard is None or shard.origin != planned.origin or not path.is_file():
            continue
        if path.stat().st_size == shard.length and sha256_of(path) == shard.sha256:
            yield shard


def _read_done(path: Path) -> Shard | None:
    try:
        return Shard.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _advance(count: Iterator[int], total: int, progress: Callable[[int, int], None]) -> None:
    progress(next(count), total)


def _require(satisfied: bool, message: str) -> None:
    if not satisfied:
        raise UsageError(message)
