"""The size that an MP3 file claims for itself."""

import os
from typing import BinaryIO

_SEARCHED = 4096  # bytes of the first frame in which the tag must lie


def check_mp3_is_whole(file: BinaryIO) -> None:
    """Compare an MP3's length with the one in its Xing (or Info) tag.

    The tag is four flag bytes after its name: bit 0 announces a count of frames, bit 1 a count of
    bytes from the frame that holds the tag on. Encoders write it into a first, silent frame. A
    file of another kind, or without the tag, passes.

    Args:
        file: an open file; it is left at its beginning.

    Raises:
        EOFError: if bytes are missing.
    """
    file.seek(0, os.SEEK_END)
    size = file.tell()
    file.seek(0)
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3":  # an ID3v2 tag: its length in four bytes of seven bits
        start = 10 + sum(
            byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False)
        )
    file.seek(start)
    frame = file.read(_SEARCHED)
    file.seek(0)
    if len(frame) < 2 or frame[0] != 0xFF or frame[1] & 0xE6 != 0xE2:  # MPEG audio, layer III
        return
    tag = min(
        (at for at in (frame.find(b"Xing", 4, 64), frame.find(b"Info", 4, 64)) if at > 0), default=0
    )
    if not tag:
        return
    flags = int.from_bytes(frame[tag + 4 : tag + 8], "big")
    if not flags & 2:
        return
    at = tag + 8 + (4 if flags & 1 else 0)
    promised = int.from_bytes(frame[at : at + 4], "big")
    if promised > size - start:
        raise EOFError(f"{promised} bytes promised, {size - start} found")
