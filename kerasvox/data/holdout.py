"""A second development set, cut out of the training clips by song or by singer."""

import hashlib
from collections.abc import Sequence

from kerasvox.data.clip import Clip
from kerasvox.errors import UsageError


def hold_out(clips: Sequence[Clip], songs: int, seed: int = 0) -> tuple[list[Clip], list[Clip]]:
    """Part clips by song: some songs develop, all others train, none does both.

    Which songs are held out depends on `seed` and on their names alone, not on the order of the
    clips nor on a library's random numbers.

    Args:
        clips: the training clips.
        songs: how many songs to hold out, 0 or more, and fewer than there are.
        seed: chooses the songs.

    Returns:
        The clips that stay, and those held out, each in their order.

    Raises:
        UsageError: if no song would stay to train on.
    """
    ranked = sorted({clip.song for clip in clips}, key=lambda song: _rank(song, seed))
    if not 0 <= songs < max(len(ranked), 1):
        raise UsageError(f"cannot hold out {songs} of {len(ranked)} song(s); one must stay")
    held_out = set(ranked[:songs])
    return (
        [clip for clip in clips if clip.song not in held_out],
        [clip for clip in clips if clip.song in held_out],
    )


def hold_out_singer(clips: Sequence[Clip], singer: str) -> tuple[list[Clip], list[Clip]]:
    """Part clips by singer: what the test set asks for, voices that no training clip has.

    Args:
        clips: the training clips.
        singer: whose clips are held out.

    Returns:
        The clips that stay, and those held out, each in their order.

    Raises:
        UsageError: if the singer has no clip, or no other one has.
    """
    singers = sorted({clip.singer for clip in clips})
    if singer not in singers or len(singers) == 1:
        raise UsageError(f"cannot hold out {singer!r} of the singers {', '.join(singers)}")
    return (
        [clip for clip in clips if clip.singer != singer],
        [clip for clip in clips if clip.singer == singer],
    )


def _rank(song: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}/{song}".encode()).hexdigest()
