"""`kerasvox models`: what the zoo holds."""

import json
from typing import Annotated, Any

import typer


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the presets of the zoo with their measured scores, in dB.

    Example: `kerasvox models --json`
    """
    from rich.console import Console
    from rich.table import Table

    from kerasvox.presets import list_presets

    rows = [_describe(name) for name in list_presets()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    # A row a preset, narrow enough for 80 columns; --json has the accompaniment's other scores.
    table = Table(caption="vocals GNSDR, GSIR, GSAR and accompaniment GNSDR in dB", pad_edge=False)
    for heading in ("preset", "scored on", "GNSDR", "GSIR", "GSAR", "acc.", "MiB"):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        vocals = [f"{row['scores']['vocals'][ratio]:.2f}" for ratio in ("GNSDR", "GSIR", "GSAR")]
        accompaniment = f"{row['scores']['accompaniment']['GNSDR']:.2f}"
        size = f"{row['bytes'] / 2**20:.1f}"
        table.add_row(row["name"], row["scored_on"], *vocals, accompaniment, size)
    Console().print(table)


def _describe(name: str) -> dict[str, Any]:
    from kerasvox import presets

    directory = presets.preset_directory(name)
    scores = json.loads((directory / presets.METRICS).read_text(encoding="utf-8"))["scores"]
    split = "test" if "test" in scores else "dev"
    return {
        "name": name,
        "class": presets.read_config(directory)["class"],
        "scored_on": f"{split} ({scores[split]['clips']})",
        "scores": scores[split]["means"],
        "bytes": (directory / presets.WEIGHTS).stat().st_size,
        "weights_sha256": presets.weights_sha256(directory),
    }
