"""Which tracks train, develop and test where no publication says so."""

import hashlib
from collections.abc import Mapping

from kerasvox.errors import UsageError

SPLITS = ("train", "dev", "test")
# The folders that name a split.
FOLDERS = {"train": "train", "dev": "dev", "valid": "dev", "validation": "dev", "test": "test"}

_SHARE = 10  # one track in ten develops, one in ten tests


def check_split(split: str) -> None:
    """Raise a UsageError if there is no such split."""
    if split not in SPLITS:
        raise UsageError(f"unknown split {split!r}; splits are {', '.join(SPLITS)}")


def split_tracks(folders: Mapping[str, str | None], seed: int = 0) -> dict[str, str]:
    """Give every track a split.

    Tracks that lie in a folder of a split belong to it. Of tracks that lie in none, one in ten
    develops and one in ten tests, the rest trains. Where tracks train but none develops (as in
    musdb's folders), one in ten of those that train develops instead. At least one develops, as
    soon as there are two. Which ones depends on `seed` and on their names alone.

    Args:
        folders: by the track's name, the split whose folder it lies in, or None.
        seed: chooses the tracks.
    """
    splits = {name: split for name, split in folders.items() if split}
    loose = _ranked([name for name, split in folders.items() if not split], seed)
    developing, testing = _tenth(len(loose)), len(loose) // _SHARE
    if any(split == "dev" for split in splits.values()):
        developing = 0
    if any(split == "test" for split in splits.values()):
        testing = 0
    for place, name in enumerate(loose):
        splits[name] = (
            "dev" if place < developing else "test" if place < developing + testing else "train"
        )
    if "dev" not in splits.values():
        training = _ranked([name for name, split in splits.items() if split == "train"], seed)
        splits.update(dict.fromkeys(training[: _tenth(len(training))], "dev"))
    return splits


def _tenth(tracks: int) -> int:
    return max(1, tracks // _SHARE) if tracks > 1 else 0


def _ranked(names: list[str], seed: int) -> list[str]:
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).hexdigest())
