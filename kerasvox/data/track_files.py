"""What lies in a folder of tracks, by its names alone."""

from collections.abc import Iterator
from pathlib import Path

from kerasvox.audio.printable import printable
from kerasvox.audio.songs import SUFFIXES
from kerasvox.data.splits import FOLDERS
from kerasvox.errors import DataError

VOCALS = ("vocals", "vocal")
ACCOMPANIMENT = ("accompaniment", "instrumental", "no_vocals")
PARTS = ("drums", "bass", "other")  # musdb's, of an accompaniment
_STEMS = (*VOCALS, *ACCOMPANIMENT, *PARTS)
_MIXTURE = ("mixture", "mix")
_STEM_FILE = ".stem.mp4"


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


def stem_files(folder: Path) -> list[Path]:
    """Return the files of a folder that are named as stems are."""
    return [path for path in entries(folder) if is_audio(path) and path.stem.lower() in _STEMS]


def unread_audio(folder: Path) -> list[Path]:
    """Return the audio files of a track that are named neither as stems nor as the mixture."""
    known = (*_STEMS, *_MIXTURE)
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
