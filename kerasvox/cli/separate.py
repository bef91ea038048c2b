"""`kerasvox separate`: songs in, stems out."""

import json as json_format
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kerasvox.errors import AudioError

if TYPE_CHECKING:
    from kerasvox.models.separator import Separator


def separate(
    songs: Annotated[
        list[Path],
        typer.Argument(metavar="SONG...", help="Audio files, or folders with audio files."),
    ],
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="PRESET", help="Preset of the zoo, or a folder.")
    ] = "drnn_mir1k",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the songs' folders go.")
    ] = Path("separated"),
    stem: Annotated[
        list[str] | None,
        typer.Option(
            "--stem",
            metavar="STEM",
            help="vocals or accompaniment; may be repeated. [default: both]",
        ),
    ] = None,
    format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="wav, flac or mp3.")
    ] = "wav",
    json: Annotated[
        bool, typer.Option("--json", help="Print the songs' separation.json as a JSON list.")
    ] = False,
) -> None:
    """Separate songs into vocals and accompaniment.

    Writes `DIR/<song>/vocals.wav`, `accompaniment.wav` and `separation.json`, at the song's own
    rate, channels and length, and prints the paths of the stems. A folder stands for the audio
    files directly in it.

    Every channel is separated by itself, and the accompaniment is the song minus the vocals: the
    stems always sum to the song, and what lies above the model's band stays in the accompaniment.

    A song that cannot be read is told in one line, the others are still done, and the exit code
    is 1.

    Example: `kerasvox separate song.mp3 album/ -o stems --format flac`
    """
    from kerasvox.separation import check_outputs

    found, failed = _find(songs)
    check_outputs(found, output, stem, format)
    if not found:
        raise typer.Exit(1)
    separator = _load(model)
    manifests = []
    for song in found:
        try:
            manifest = _separate(separator, song, output, stem, format)
        except AudioError as error:
            _complain(error)
            failed = True
            continue
        manifests.append(manifest)
        if not json:
            for written in manifest["stems"].values():
                print(Path(manifest["directory"]) / written["file"], flush=True)
    if json:
        print(json_format.dumps(manifests, indent=2))
    if failed:
        raise typer.Exit(1)


def _find(paths: list[Path]) -> tuple[list[Path], bool]:
    from kerasvox.audio.songs import find_songs

    found, failed = [], False
    for path in paths:
        try:
            found += find_songs(path)
        except AudioError as error:
            _complain(error)
            failed = True
    return found, failed


def _load(model: str) -> "Separator":
    from kerasvox.backend import start_backend
    from kerasvox.presets import preset_directory

    directory = preset_directory(model)  # an unknown name need not wait for the backend
    start_backend()
    from kerasvox.models.separator import Separator

    return Separator.from_preset(directory)


def _separate(
    separator: "Separator", song: Path, output: Path, stems: list[str] | None, format: str
) -> dict[str, Any]:
    """Separate one song under a progress bar in seconds of audio."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from kerasvox.separation import separate_file

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} s of audio,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with bar:
        task = bar.add_task(song.name, total=0.0)

        def show(done: float, total: float | None) -> None:
            bar.update(task, completed=done, total=max(done, total or 0.0))

        return separate_file(separator, song, output, stems=stems, format=format, progress=show)


def _complain(error: AudioError) -> None:
    print(f"kerasvox: {error}", file=sys.stderr, flush=True)
