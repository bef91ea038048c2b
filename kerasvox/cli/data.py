"""`kerasvox data`: look after data sets."""

import json as json_format
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kerasvox.data.check import Report

app = typer.Typer(help="Look after data sets.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look after data sets."""


@app.command()
def check(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder of MIR-1K, of tracks, or of shards.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Read every clip of a data set and say what is wrong with it.

    Which set it is, is seen from its files: MIR-1K's clips; tracks, which are folders with vocals
    and accompaniment (or vocals, drums, bass and other) or .stem.mp4 files; or shards.

    Prints one finding a line and a summary. Exits with 1 if a clip cannot be used as it is, with
    0 if there are only warnings.

    Example: `kerasvox data check MIR-1K`
    """
    from kerasvox.data.check_set import check_set

    report = check_set(directory, progress=_progress)
    if json:
        print(json_format.dumps(report.to_dict(), indent=2))
    else:
        for finding in report.findings:
            print(finding)
        _print_summary(report)
    if report.errors:
        raise typer.Exit(1)


@app.command()
def prepare(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder of MIR-1K or of tracks.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="SHARDS", help="The folder of the shards.")
    ],
    shard_mb: Annotated[
        int, typer.Option("--shard-mb", help="About how many MiB a shard has.")
    ] = 256,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes, each on a shard; a core each.")
    ] = None,
    rate: Annotated[
        int, typer.Option("--rate", help="Sample rate in Hz that the models work at.")
    ] = 16000,
) -> None:
    """Write a data set as TFRecord shards, for sets that outgrow memory.

    `kerasvox train --data SHARDS` reads them in place, and sees the batches that it would see of
    DIR itself. Stop it as you like: run again, it goes on, and keeps the shards that are finished.

    Example: `kerasvox data prepare musdb18 -o shards`
    """
    from rich.console import Console
    from rich.progress import Progress

    from kerasvox.data.shards.prepare import prepare as prepare_shards

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Writing shards", total=None)
        try:
            prepare_shards(
                directory,
                output,
                shard_mb=shard_mb,
                workers=workers,
                rate=rate,
                progress=lambda done, clips: bar.update(task, completed=done, total=clips),
            )
        except KeyboardInterrupt:
            bar.stop()
            typer.echo("kerasvox: stopped; the same command goes on", err=True)
            raise typer.Exit(130) from None
    print(output)


def _progress(paths: list[Path]) -> Iterator[Path]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(
        paths, "Reading clips", console=console, transient=True, disable=not console.is_terminal
    )


def _print_summary(report: "Report") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from kerasvox.audio.printable import printable

    table = Table("split", title=Text(printable(report.directory)))
    for heading in ("clips", *(["published"] if report.published else []), "minutes"):
        table.add_column(heading, justify="right")
    for split, clips in report.clips.items():
        published = [str(report.published[split])] if report.published else []
        table.add_row(split, str(clips), *published, f"{report.seconds[split] / 60:.2f}")
    Console().print(table)
    print(f"Rates: {_listed(report.rates, 'Hz')}")
    print(f"Channels: {_listed(report.channels, 'channel(s)')}")
    print(f"{report.errors} error(s), {report.warnings} warning(s)")


def _listed(counts: dict[int, int], unit: str) -> str:
    listed = (f"{value} {unit} in {clips} clip(s)" for value, clips in counts.items())
    return ", ".join(listed) or "no clip can be read"
