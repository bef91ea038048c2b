"""Which files of a folder are audio."""

from pathlib import Path

from kerasvox.errors import AudioError

_LOSSLESS = ("wav", "flac", "aif", "aiff", "aifc", "au", "caf", "w64", "rf64", "ape", "wv")
_LOSSY = ("mp3", "ogg", "oga", "opus", "m4a", "mp4", "aac", "webm", "mka", "mkv", "wma", "ac3")
SUFFIXES = frozenset("." + name for name in _LOSSLESS + _LOSSY)


def find_songs(path: str | Path) -> list[Path]:
    """Return the audio files directly in a folder, sorted by name; of a file, the file itself.

    Raises:
        AudioError: if the folder holds no audio file or cannot be listed.
    """
    path = Path(path)
    if not path.is_dir():
        return [path]
    try:
        songs = sorted(file for file in path.iterdir() if _is_song(file))
    except OSError as error:
        raise AudioError(f"{path}: cannot be listed ({error.strerror})") from error
    if not songs:
        raise AudioError(f"{path}: holds no audio file (such as .wav, .flac or .mp3)")
    return songs


def _is_song(file: Path) -> bool:
    hidden = file.name.startswith(".")
    return file.suffix.lower() in SUFFIXES and not hidden and file.is_file()
