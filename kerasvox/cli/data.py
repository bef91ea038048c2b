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
        Path, typer.Argument(metavar="DIR", help="The folder of MIR-1K, in any of its layouts.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Read every clip of a MIR-1K folder and say what is wrong with it.

    Prints one finding a line and a summary. Exits with 1 if a clip cannot be used as it is, with
    0 if there are only warnings.

    Example: `kerasvox data check MIR-1K`
    """
    from kerasvox.data.check import check as check_folder

    report = check_folder(directory, progress=_progress)
    if json:
        print(json_format.dumps(report.to_dict(), indent=2))
    else:
        for finding in report.findings:
            print(finding)
        _print_summary(report)
    if report.errors:
        raise typer.Exit(1)


def _progress(paths: list[Path]) -> Iterator[Path]:
    from rich.console import Console
    from rich.progress import track

    yield from track(paths, "Reading clips", console=Console(stderr=True), transient=True)


def _print_summary(report: "Report") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from kerasvox.data.mir1k import SIZES

    table = Table("split", title=Text(str(report.directory)))
    for heading in ("clips", "published", "minutes"):
        table.add_column(heading, justify="right")
    for split, clips in report.clips.items():
        minutes = f"{report.seconds[split] / 60:.2f}"
        table.add_row(split, str(clips), str(SIZES[split]), minutes)
    Console().print(table)
    print(f"Rates: {_listed(report.rates, 'Hz')}")
    print(f"Channels: {_listed(report.channels, 'channel(s)')}")
    print(f"{report.errors} error(s), {report.warnings} warning(s)")


def _listed(counts: dict[int, int], unit: str) -> str:
    listed = (f"{value} {unit} in {clips} clip(s)" for value, clips in counts.items())
    return ", ".join(listed) or "no clip can be read"
