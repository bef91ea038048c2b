"""Folders of tracks whose stems are files."""

import os
from collections.abc import Iterator
from pathlib import Path

from kerasvox.audio.songs import SUFFIXES
from kerasvox.data.clip import Clip
from kerasvox.data.splits import FOLDERS, check_split, split_tracks
from kerasvox.data.track import Track
from kerasvox.errors import DataError

_STEM_FILE = ".stem.mp4"
_VOCALS = ("vocals", "vocal")
_ACCOMPANIMENT = ("accompaniment", "instrumental", "no_vocals")
_PARTS = ("drums", "bass", "other")
_ALL = (*_VOCALS, *_ACCOMPANIMENT, *_PARTS)
_MIXTURE = ("mixture", "mix")


class Stems:
    """The tracks of a folder, in the layouts that users have.

    A track is a folder with `vocals` and `accompaniment` (or `instrumental`, `no_vocals`), or
    with musdb's `vocals`, `drums`, `bass` and `other`, whose last three add up to the
    accompaniment; each a file of any audio format. Or it is a file `<track>.stem.mp4` with musdb's
    five streams. Other files, such as `mixture.wav`, are not read; without an `accompaniment`,
    audio that is neither a stem nor `mixture` (or `mix`) is refused, as it may be an instrument
    that the sum would lack. Tracks lie in the folder or in its folders `train`, `dev` (or `valid`)
    and `test`; for the splits see `splits.split_tracks`.

    Args:
        directory: the data folder.
        seed: chooses the split of tracks that no folder chooses.

    Raises:
        DataError: if the folder is missing, holds no track, a track lacks a stem or has it twice or
            has audio that its accompaniment would lack, two tracks have one name, or a name is not
            UTF-8.

    Example:

    ```python
    tracks = Stems("musdb18").clips("train")
    sources = tracks[0].sources(rate=16000)  # (2, samples)
    ```
    """

    set = "stems"

    def __init__(self, directory: str | Path, seed: int = 0):
        self.directory = Path(directory)
        self._tracks: dict[str, Track] = {}
        self.folders: dict[str, str | None] = {}
        for path, folder in track_paths(self.directory):
            self._add(read_track(path), folder)
        if not self._tracks:
            raise DataError(
                f"{self.directory}: holds no track: a folder with vocals and accompaniment (or "
                "vocals, drums, bass and other) or a .stem.mp4, by itself or in train/, dev/, test/"
            )
        self._splits = split_tracks(self.folders, seed)

    def clips(self, split: str) -> list[Clip]:
        """Return the tracks of a split, sorted by name.

        Args:
            split: `"train"`, `"dev"` or `"test"`.
        """
        check_split(split)
        return [track for track in self.tracks if self._splits[track.name] == split]

    @property
    def tracks(self) -> list[Track]:
        """All tracks, sorted by name."""
        return [track for _, track in sorted(self._tracks.items())]

    def _add(self, track: Track, folder: str | None) -> None:
        first = self._tracks.setdefault(track.name, track)
        if first is not track:
            raise DataError(f"{track.path}: the track is also at {first.path}; keep one")
        self.folders[track.name] = folder


def track_paths(directory: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield the folder or `.stem.mp4` of each track, and the split whose folder it lies in.

    Raises:
        DataError: if a folder is missing or cannot be listed, or a track's name is not UTF-8.
    """
    for path, split in candidates(directory):
        if not _is_track(path):
            continue
        if printable(path.name) != path.name:
            raise DataError(f"{printable(path)}: its name is not UTF-8; give the track another")
        yield path, split


def candidates(directory: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield whatever lies where tracks do, and the split whose folder it lies in.

    Raises:
        DataError: if a folder is missing or cannot be listed.
    """
    if not directory.is_dir():
        raise DataError(f"{directory}: is not a folder; give the folder of the tracks")
    for path in entries(directory):
        split = FOLDERS.get(path.name.lower()) if path.is_dir() else None
        if split and not stem_files(path):
            yield from ((inner, split) for inner in entries(path))
        else:
            yield path, None


def track_name(path: Path) -> str:
    """Return the name of the track of a folder or `.stem.mp4`."""
    return path.name if path.is_dir() else path.name[: -len(_STEM_FILE)]


def printable(path: Path | str) -> str:
    """Return a path with the bytes that are not UTF-8 written as `\\xe9`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def read_track(path: Path) -> Track:
    """Return the track of a folder or `.stem.mp4`.

    Raises:
        DataError: if it lacks a stem or has one twice, or if its accompaniment is to be added up
            and there is audio of which it is not known whether it belongs to it.
    """
    if not path.is_dir():
        return Track(track_name(path), path)
    found: dict[str, Path] = {}
    for file in stem_files(path):
        stem = file.stem.lower()
        stem = _VOCALS[0] if stem in _VOCALS else stem
        stem = _ACCOMPANIMENT[0] if stem in _ACCOMPANIMENT else stem
        first = found.setdefault(stem, file)
        if first is not file:
            raise DataError(f"{file}: the {stem} are also in {first.name}; keep one")
    if "vocals" not in found:
        raise DataError(f"{path}: the stem vocals is missing (such as vocals.wav)")
    if "accompaniment" in found:
        return Track(path.name, path, found["vocals"], (found["accompaniment"],))
    missing = [part for part in _PARTS if part not in found]
    if len(missing) == len(_PARTS):
        raise DataError(f"{path}: the stem accompaniment is missing (such as accompaniment.wav)")
    if missing:
        raise DataError(f"{path}: the stem {missing[0]} is missing (such as {missing[0]}.wav)")
    if unknown := unread_audio(path):
        names = ", ".join(printable(file.name) for file in unknown)
        raise DataError(
            f"{path}: {names} would be left out of the accompaniment, which is drums, bass and "
            "other; add a file accompaniment, or move away what is no part of it"
        )
    return Track(path.name, path, found["vocals"], tuple(found[part] for part in _PARTS))


def stem_files(folder: Path) -> list[Path]:
    """Return the files of a folder that are named as stems are."""
    return [path for path in entries(folder) if is_audio(path) and path.stem.lower() in _ALL]


def unread_audio(folder: Path) -> list[Path]:
    """Return the audio files of a track that are named neither as stems nor as the mixture."""
    known = (*_ALL, *_MIXTURE)
    return [path for path in entries(folder) if is_audio(path) and path.stem.lower() not in known]


def is_audio(path: Path) -> bool:
    """Return whether it is a file named as audio is."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def entries(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted, without what is hidden.

    Raises:
        DataError: if it cannot be listed.
    """
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror})") from error


def _is_track(path: Path) -> bool:
    if path.is_dir():  # with audio but no stem it is a track that lacks them, and told so
        return any(file.suffix.lower() in SUFFIXES for file in entries(path))
    return path.name.lower().endswith(_STEM_FILE)
