"""Folders of tracks whose stems are files."""

from pathlib import Path

from kerasvox.audio.printable import printable
from kerasvox.data.clip import Clip
from kerasvox.data.splits import check_split, split_tracks
from kerasvox.data.track import Track
from kerasvox.data.track_files import (
    ACCOMPANIMENT,
    PARTS,
    VOCALS,
    stem_files,
    track_name,
    track_paths,
    unread_audio,
)
from kerasvox.errors import DataError


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
        stem = VOCALS[0] if stem in VOCALS else stem
        stem = ACCOMPANIMENT[0] if stem in ACCOMPANIMENT else stem
        first = found.setdefault(stem, file)
        if first is not file:
            raise DataError(f"{file}: the {stem} are also in {first.name}; keep one")
    if "vocals" not in found:
        raise DataError(f"{path}: the stem vocals is missing (such as vocals.wav)")
    if "accompaniment" in found:
        return Track(path.name, path, found["vocals"], (found["accompaniment"],))
    missing = [part for part in PARTS if part not in found]
    if len(missing) == len(PARTS):
        raise DataError(f"{path}: the stem accompaniment is missing (such as accompaniment.wav)")
    if missing:
        raise DataError(f"{path}: the stem {missing[0]} is missing (such as {missing[0]}.wav)")
    if unknown := unread_audio(path):
        names = ", ".join(printable(file.name) for file in unknown)
        raise DataError(
            f"{path}: {names} would be left out of the accompaniment, which is drums, bass and "
            "other; add a file accompaniment, or move away what is no part of it"
        )
    return Track(path.name, path, found["vocals"], tuple(found[part] for part in PARTS))
