"""`kerasvox doctor`: is all there, and does it work?"""

import json as json_format
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kerasvox.doctor.finding import Finding

_MARKS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "broken": "[red]broken[/]"}


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at the installation and say what is wrong with it, and what to do.

    Versions and extras, the backend and its devices (a matmul runs on each and is compared with
    numpy's), the decoders (each decodes a tone), the metric, the presets (their sha256), and two
    seconds of a song, separated. Exits with 1 if something is broken; warnings are of what can be
    done without.

    Example: `kerasvox doctor --json`
    """
    from kerasvox import __version__
    from kerasvox.doctor.diagnose import diagnose

    findings = list(diagnose()) if json else list(_shown(diagnose()))
    broken = sum(finding.status == "broken" for finding in findings)
    if json:
        report = {
            "kerasvox": __version__,
            "broken": broken,
            "findings": [finding.to_dict() for finding in findings],
        }
        print(json_format.dumps(report, indent=2, allow_nan=False))
    else:
        print(f"{broken} of {len(findings)} are broken" if broken else "nothing is broken")
    if broken:
        raise typer.Exit(1)


def _shown(findings: "Iterable[Finding]") -> "Iterable[Finding]":
    """Print each finding as it comes: a line, and another with the advice where there is one."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(soft_wrap=True, highlight=False)
    for finding in findings:
        advice = f" [bold]->[/] {escape(finding.advice)}" if finding.advice else ""
        mark = f"{_MARKS[finding.status]}{' ' * (8 - len(finding.status))}"
        what = f"{finding.check} {finding.subject}"
        console.print(f"{mark}{escape(f'{what:<28}')} {escape(finding.found)}{advice}")
        yield finding
