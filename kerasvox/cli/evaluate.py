"""`kerasvox evaluate`: score a preset."""

import json as json_format
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kerasvox.errors import DataError

if TYPE_CHECKING:
    from rich.table import Table


def evaluate(
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="A preset's name or folder.")],
    data: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="The folder of MIR-1K, of tracks with stems, or of shards."
        ),
    ],
    split: Annotated[str, typer.Option(help="test, dev or train.")] = "test",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to write the JSON report."),
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Score the mixture and oracle masks as well.")
    ] = False,
    perceptual: Annotated[
        bool,
        typer.Option(
            "--perceptual", help="Score the vocals by PESQ and STOI too; needs pesq and pystoi."
        ),
    ] = False,
    split_seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Splits tracks that lie in no train, dev and test folders. [default: the "
            "preset's recipe's]",
        ),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", help="Processes. [default: one a CPU core]")
    ] = None,
    resume: Annotated[
        bool, typer.Option(help="Take over what an interrupted run left in FILE.partial.")
    ] = True,
    record: Annotated[
        bool, typer.Option("--record", help="Add the means to the preset's metrics and card.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Score a preset on a data set with BSS-Eval 3.0.

    Prints GNSDR, GSIR and GSAR in dB of vocals and accompaniment. With `-o`, finished clips
    survive an interrupt, and the next run goes on from them. Exits with 1 if a clip failed.
    `--perceptual` adds metrics of speech, of the vocals only: PESQ (narrow and wide band) and STOI.

    Example: `kerasvox evaluate drnn_mir1k --data MIR-1K -o report.json --baselines`
    """
    from kerasvox.evaluation.evaluate import evaluate as evaluate_preset

    try:
        with _progress() as progress:
            report = evaluate_preset(
                preset,
                data,
                split,
                split_seed=split_seed,
                processes=processes,
                baselines=baselines,
                perceptual=perceptual,
                output=output,
                resume=resume,
                progress=progress,
            )
    except KeyboardInterrupt:
        if output:
            print(f"kerasvox: run again to go on from {output}.partial", file=sys.stderr)
        raise
    if json:
        print(json_format.dumps(report, indent=1, allow_nan=False))
    else:
        _print_means(report)
    _tell(report)
    if record:
        _record(preset, report)


@contextmanager
def _progress() -> Iterator[Callable[[Sequence[dict[str, Any]], int], None]]:
    """Show a bar on stderr with the clips, the time left and the running means."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from kerasvox.evaluation.report import means

    columns = (
        TextColumn("Scoring clips"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[scores]}"),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=None, scores="")

        def update(rows: Sequence[dict[str, Any]], total: int) -> None:
            shown = ", ".join(
                f"{stem} {_dB(values['GNSDR'])}" for stem, values in means(rows).items()
            )
            bar.update(task, completed=len(rows), total=total, scores=f"GNSDR: {shown} dB")

        yield update


def _print_means(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    data = report["data"]
    title = f"{report['preset']['name']}, {data['directory']} {data['split']}: "
    table = Table(title=Text(title + f"{report['scored']} clips, dB"))
    for heading in ("estimate", "stem"):
        table.add_column(heading)
    for heading in ("GNSDR", "GSIR", "GSAR"):
        table.add_column(heading, justify="right")
    methods = {report["preset"]["name"]: report["means"]}
    methods |= {name: method["means"] for name, method in report.get("baselines", {}).items()}
    for name, stems in methods.items():
        for stem, values in stems.items():
            found = [values[heading] for heading in ("GNSDR", "GSIR", "GSAR")]
            table.add_row(Text(name), stem, *map(_dB, found))
    Console().print(table)
    if "perceptual" in report:
        Console().print(_perceptual_table(report["perceptual"], methods))


def _perceptual_table(perceptual: dict[str, Any], methods: dict[str, Any]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table("estimate", title="vocals: PESQ in MOS-LQO, STOI")
    for metric, part in perceptual.items():
        table.add_column(f"{metric} ({part['scored']})", justify="right")
    for name, stems in methods.items():
        table.add_row(Text(name), *(_score(stems["vocals"][metric]) for metric in perceptual))
    return table


def _tell(report: dict[str, Any]) -> None:
    """Name the clips that are missing from the means; those that failed make the run fail."""
    for entry in report["undefined"]:
        print(f"kerasvox: {entry['clip']}: has no scores, {entry['reason']}", file=sys.stderr)
    lacking: dict[tuple[str, str], list[str]] = {}
    for metric, part in report.get("perceptual", {}).items():
        for entry in part["undefined"]:
            lacking.setdefault((entry["clip"], entry["reason"]), []).append(metric)
    for (clip, reason), metrics in lacking.items():
        print(f"kerasvox: {clip}: has no {', '.join(metrics)}, {reason}", file=sys.stderr)
    failed = report["failed"]
    for entry in failed:
        print(f"kerasvox: {entry['error']}", file=sys.stderr)
    if failed:
        names = ", ".join(entry["clip"] for entry in failed)
        raise DataError(f"{len(failed)} of {report['data']['clips']} clips failed: {names}")


def _record(preset: str, report: dict[str, Any]) -> None:
    from kerasvox.presets import preset_directory
    from kerasvox.training.metrics import add_scores
    from kerasvox.training.model_card import write_card

    add_scores(preset_directory(preset), report)
    write_card(preset_directory(preset))


def _dB(value: float | None) -> str:  # noqa: N802
    return "-" if value is None else f"{value:.2f}"


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
