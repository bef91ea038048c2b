"""Which shards need not be written again."""

import json
from collections.abc import Iterator
from pathlib import Path

from kerasvox.data.shards.index import Index, Shard
from kerasvox.data.shards.plan import PlannedShard
from kerasvox.data.shards.seal import unseal
from kerasvox.data.shards.sha256 import sha256_of
from kerasvox.data.shards.shard_writer import DONE
from kerasvox.errors import DataError


def finished_shards(output: Path, plan: list[PlannedShard], index: Index | None) -> Iterator[Shard]:
    """Yield the shards that are there, whole, and made from what the plan says.

    Args:
        output: their folder.
        plan: the shards that are to lie there.
        index: that of the folder, if it has one.

    Raises:
        DataError: if a shard cannot be read.
    """
    known = {shard.name: shard for shard in index.shards} if index else {}
    for planned in plan:
        path = output / planned.name
        shard = known.get(planned.name) or _proof(path.with_name(path.name + DONE))
        if shard and shard.origin == planned.origin and _is_whole(path, shard):
            yield shard


def _proof(path: Path) -> Shard | None:
    try:
        return Shard.model_validate(unseal(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError):
        return None


def _is_whole(path: Path, shard: Shard) -> bool:
    try:
        return path.stat().st_size == shard.length and sha256_of(path) == shard.sha256
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
