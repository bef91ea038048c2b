"""`kerasvox demo`: a song to try things on."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path(
        "song.wav"
    ),
) -> None:
    """Write a short song made by the package, a synthetic voice over a band.

    Example: `kerasvox demo song.wav && kerasvox separate song.wav`
    """
    import numpy as np

    from kerasvox.audio.demo_song import RATE, demo_song
    from kerasvox.audio.writer import AudioWriter
    from kerasvox.errors import UsageError

    format = output.suffix.removeprefix(".")
    if format not in ("wav", "flac"):
        raise UsageError(f"{output}: give a file that ends in .wav or .flac")
    song = np.add(*demo_song())
    with AudioWriter(output, RATE, 2, format, samples=song.shape[1]) as writer:
        writer.write(song)
    print(output)
