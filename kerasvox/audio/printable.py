"""Paths that can be printed."""

import os
from pathlib import Path


def printable(path: Path | str) -> str:
    """Return a path with the bytes that are not UTF-8 written as `\\xe9`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
