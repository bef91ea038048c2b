"""Whether two lists of clips are the same."""

import hashlib
from collections.abc import Sequence

from kerasvox.data.clip import Clip


def names_sha256(clips: Sequence[Clip]) -> str:
    """Return the sha256 of the clips' names, one a line."""
    return hashlib.sha256("\n".join(clip.name for clip in clips).encode()).hexdigest()


def digest(clips: Sequence[Clip]) -> str:
    """Say which clips these are, by their names and the sizes of their files.

    What is read of a file this way costs nothing; other samples of the same number go unseen.
    """
    sizes = [(clip.name, *(file.stat().st_size for file in clip.files)) for clip in clips]
    return f"{len(clips)} clips, {hashlib.sha256(repr(sizes).encode()).hexdigest()[:12]}"
