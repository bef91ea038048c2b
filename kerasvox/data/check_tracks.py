"""The check of a folder of tracks before anything is trained on it."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from kerasvox.data.check import Report
from kerasvox.data.clip import STEMS
from kerasvox.data.inspection import Finding, Inspection
from kerasvox.data.splits import SPLITS, split_tracks
from kerasvox.data.stems import read_track
from kerasvox.data.track import SILENCE
from kerasvox.data.track_files import (
    candidates,
    entries,
    is_audio,
    track_name,
    track_paths,
    unread_audio,
)
from kerasvox.errors import DataError


def check_tracks(
    directory: Path, progress: Callable[[list[Path]], Iterable[Path]] = iter
) -> Report:
    """Read every track and report what is wrong.

    Args:
        directory: the folder, in any layout that `Stems` reads.
        progress: wraps the list of tracks that are read one after the other.

    Raises:
        DataError: if the folder cannot be listed, or a track's name is not UTF-8.
    """
    found = dict(track_paths(directory))
    inspections = [_inspect(path) for path in progress(list(found))]
    names = {path: track_name(path) for path in found}
    splits = split_tracks({names[path]: folder for path, folder in found.items()})
    by_split = {
        split: [one for one in inspections if splits[names[one.path]] == split] for split in SPLITS
    }
    findings = [
        *(finding for inspection in inspections for finding in inspection.findings),
        *_duplicates(inspections, names),
        *_odd(inspections, "rate", [one.rate for one in inspections], "a rate of {} Hz"),
        *_odd(inspections, "channels", [one.channels for one in inspections], "{} channel(s)"),
        *_strays(directory, found),
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
        unread = tuple(_unread(path))
    except DataError as error:
        return Inspection(path, findings=(_fault(path, error),))
    digest = hashlib.sha256(pair.tobytes()).hexdigest()
    findings = (*_cancelled(path, pair), *unread)
    return Inspection(path, rate, pair.shape[1], pair.shape[2], digest, findings)


def _fault(path: Path, error: DataError) -> Finding:
    """Return an error of a track, which names it or a stem of it, as a finding."""
    # The track's own name may hold a colon, those of stems do not.
    stem, _, message = str(error).removeprefix(str(path)).partition(": ")
    return Finding("error", "track", Path(f"{path}{stem}"), message)


def _unread(track: Path) -> Iterator[Finding]:
    """Yield a warning for each audio file of a track that is no stem, and each folder in it."""
    if not track.is_dir():
        return
    for file in unread_audio(track):
        yield _unused(file, "is not named as a stem")
    for path in entries(track):
        if path.is_dir():
            yield _unused(path, "is a folder inside a track")


def _strays(directory: Path, tracks: Collection[Path]) -> Iterator[Finding]:
    """Yield a warning for each folder and audio file that lies among the tracks and is none."""
    for path, _ in candidates(directory):
        if path in tracks:
            continue
        if path.is_dir():
            yield _unused(path, "is no track: no audio lies directly in it")
        elif is_audio(path):
            yield _unused(path, "is no track: that is a folder of stems, or a .stem.mp4")


def _unused(path: Path, reason: str) -> Finding:
    return Finding("warning", "unused", path, f"{reason}; not used")


def _cancelled(path: Path, pair: np.ndarray) -> Iterator[Finding]:
    """Yield a warning for each source that is silent in a downmix, though no channel is."""
    for source, peak in zip(STEMS, np.abs(pair.mean(axis=1)).max(axis=-1), strict=True):
        if peak < SILENCE:
            message = f"silent {source} in a downmix: the channels cancel each other"
            yield Finding("warning", "downmix", path, message)


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
