"""The check of a folder of tracks before anything is trained on it."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from kerasvox.data.check import Report
from kerasvox.data.inspection import Finding, Inspection
from kerasvox.data.splits import SPLITS, split_tracks
from kerasvox.data.stems import read_track, track_paths
from kerasvox.errors import DataError


def check_tracks(
    directory: Path, progress: Callable[[list[Path]], Iterable[Path]] = iter
) -> Report:
    """Read every track and report what is wrong.

    Args:
        directory: the folder, in any layout that `Stems` reads.
        progress: wraps the list of tracks that are read one after the other.

    Raises:
        DataError: if the folder cannot be listed.
    """
    found = dict(track_paths(directory))
    inspections = [_inspect(path) for path in progress(list(found))]
    names = {path: path.name.removesuffix(".stem.mp4") for path in found}
    splits = split_tracks({names[path]: folder for path, folder in found.items()})
    by_split = {
        split: [one for one in inspections if splits[names[one.path]] == split] for split in SPLITS
    }
    findings = [
        *(finding for inspection in inspections for finding in inspection.findings),
        *_duplicates(inspections, names),
        *_odd(inspections, "rate", [one.rate for one in inspections], "a rate of {} Hz"),
        *_odd(inspections, "channels", [one.channels for one in inspections], "{} channel(s)"),
    ]
    return Report(
        directory=directory,
        clips={split: len(ones) for split, ones in by_split.items()},
        seconds={
            split: sum(one.samples / one.rate for one in ones if one.rate)
            for split, ones in by_split.items()
        },
        rates=_counts(one.rate for one in inspections),
        channels=_counts(one.channels for one in inspections),
        findings=tuple(sorted(findings, key=lambda finding: finding.path)),
    )


def _inspect(path: Path) -> Inspection:
    try:
        pair, rate = read_track(path).recording()
    except DataError as error:
        place, separator, message = str(error).partition(": ")
        if not separator:
            place, message = str(path), str(error)
        return Inspection(path, findings=(Finding("error", "track", Path(place), message),))
    digest = hashlib.sha256(pair.tobytes()).hexdigest()
    return Inspection(path, rate, pair.shape[1], pair.shape[2], digest)


def _duplicates(inspections: list[Inspection], names: dict[Path, str]) -> Iterator[Finding]:
    first_named: dict[str, Path] = {}
    first_holding: dict[str, Path] = {}
    for one in inspections:
        named = first_named.setdefault(names[one.path], one.path)
        holding = first_holding.setdefault(one.digest, one.path) if one.digest else one.path
        if named != one.path:
            yield Finding("error", "duplicate", one.path, f"the track is also at {named}; keep one")
        elif holding != one.path:
            yield Finding("error", "duplicate", one.path, f"holds the same samples as {holding}")


def _odd(
    inspections: list[Inspection], kind: str, values: Sequence[int], text: str
) -> Iterator[Finding]:
    """Yield a warning for each track that differs in something from most."""
    counts = _counts(values)
    if len(counts) < 2:
        return
    usual = max(counts, key=lambda value: counts[value])
    for one, value in zip(inspections, values, strict=True):
        if value and value != usual:
            message = f"has {text.format(value)}, most tracks have {usual}"
            yield Finding("warning", kind, one.path, message)


def _counts(values: Iterable[int]) -> dict[int, int]:
    """Count equal values; 0 stands for tracks that could not be read."""
    return {value: count for value, count in sorted(Counter(values).items()) if value}
