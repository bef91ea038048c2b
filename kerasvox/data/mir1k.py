"""MIR-1K and its published split."""

import re
from pathlib import Path

from kerasvox.data.clip import Clip
from kerasvox.errors import DataError, UsageError

SPLITS = ("train", "dev", "test")
SIZES = {"train": 171, "dev": 4, "test": 825}
SUFFIXES = (".wav", ".flac")

_TRAINING_SINGERS = ("abjones", "amy")
_DEV_CLIPS = ("abjones_5_08", "abjones_5_09", "amy_9_08", "amy_9_09")
_CLIP_NAME = re.compile(r"[A-Za-z]+_\d+_\d+")


class MIR1K:
    """The MIR-1K clips of a folder, split as in Huang et al. (TASLP 2015, Sec. IV-C).

    Three layouts are understood: the official archive (its folder `Wavfile`, or the folder that
    holds it), folders `train`, `dev` and `test`, and one flat folder; each with `.wav` or `.flac`
    files. Which split a clip belongs to follows from its name alone, never from the folder it
    lies in, so a misplaced test clip cannot train anything: 4 named clips of the singers abjones
    and amy choose, their other 171 clips train, the 825 clips of the 17 other singers test.

    Args:
        directory: the data folder.

    Raises:
        DataError: if the folder is missing, holds no MIR-1K clip, or holds one clip twice.

    Example:

    ```python
    clips = MIR1K("MIR-1K").clips("train")
    sources = clips[0].sources(rate=16000)  # (2, samples)
    ```
    """

    set = "mir1k"
    rate = 16000

    def __init__(self, directory: str | Path):
        self.directory = Path(directory)
        self._clips: dict[str, Clip] = {}
        for path in candidate_files(self.directory):
            if is_clip(path):
                self._add(path)

    def clips(self, split: str) -> list[Clip]:
        """Return the clips of a split, sorted by name.

        Args:
            split: `"train"`, `"dev"` or `"test"`.
        """
        if split not in SPLITS:
            raise UsageError(f"unknown split {split!r}; splits are {', '.join(SPLITS)}")
        return [clip for name, clip in sorted(self._clips.items()) if split_of(name) == split]

    def _add(self, path: Path) -> None:
        if path.stem in self._clips:
            raise DataError(f"{path}: the clip is also at {self._clips[path.stem].path}; keep one")
        self._clips[path.stem] = Clip(path.stem, path)


def candidate_files(directory: Path) -> list[Path]:
    """Return every file in the folders where MIR-1K's clips may lie, clips and others.

    Raises:
        DataError: if the folder is missing or cannot be listed, or no file in it is a clip.
    """
    if not directory.is_dir():
        raise DataError(f"{directory}: is not a folder; give the folder of MIR-1K")
    bases = [directory, directory / "Wavfile"]
    folders = [folder for base in bases for folder in (base, *(base / split for split in SPLITS))]
    try:
        entries = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be listed ({error.strerror})") from error
    files = sorted(path for path in entries if not path.is_dir())
    if not any(map(is_clip, files)):
        raise DataError(
            f"{directory}: holds no MIR-1K clip (such as abjones_1_01.wav or .flac), "
            "neither by itself nor in Wavfile/ or in train/, dev/ and test/"
        )
    return files


def is_clip(path: Path) -> bool:
    """Return whether a file is named as a MIR-1K clip is."""
    return path.suffix.lower() in SUFFIXES and bool(_CLIP_NAME.fullmatch(path.stem))


def split_of(name: str) -> str:
    """Return the split that a clip belongs to by its name, `<singer>_<song>_<clip>`."""
    if name in _DEV_CLIPS:
        return "dev"
    return "train" if name.partition("_")[0] in _TRAINING_SINGERS else "test"
