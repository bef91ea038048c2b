"""The report of an evaluation: means, every clip, and where they come from."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasvox import presets
from kerasvox.errors import KerasvoxError
from kerasvox.evaluation.perceptual import METRICS
from kerasvox.evaluation.scores import weighted_means
from kerasvox.evaluation.worker import DECIMALS

Row = dict[str, Any]


def build_report(origin: dict[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    """Put a report together.

    Args:
        origin: the entries `preset`, `protocol` and `data`.
        rows: what `worker.score_clip` returned for every clip, in the order of the report.

    Returns:
        `origin` with `means`, `scored` (a count), `undefined` and `failed` (lists of clips with the
        reason), `clips` (every clip's scores) and, if there are, `baselines` and `perceptual` (for
        each metric a `scored` and an `undefined` of its own).
    """
    scored = [row for row in rows if "scores" in row]
    undefined = [(row["clip"], row["undefined"].get("separator")) for row in scored]
    methods = list(scored[0]["scores"]) if scored else []
    report = {
        **origin,
        "means": means(rows),
        "scored": sum(reason is None for _, reason in undefined),
        "undefined": [{"clip": name, "reason": why} for name, why in undefined if why],
        "failed": [row for row in rows if "error" in row],
        "clips": _table(scored, "separator"),
    }
    baselines = {
        method: {"means": means(rows, method), "clips": _table(scored, method)}
        for method in methods
        if method != "separator"
    }
    perceptual = _perceptual(scored)
    return (
        report
        | ({"perceptual": perceptual} if perceptual else {})
        | ({"baselines": baselines} if baselines else {})
    )


def means(rows: Sequence[Row], method: str = "separator") -> dict[str, dict[str, float | None]]:
    """Return GNSDR, GSIR and GSAR of each stem, and PESQ and STOI, over the rows with scores."""
    scored = [row for row in rows if "scores" in row]
    table = weighted_means((row["samples"], row["scores"][method]) for row in scored)
    return {
        stem: {name: x if x is None else round(x, DECIMALS) for name, x in values.items()}
        for stem, values in table.items()
    }


def check_writable(path: Path) -> None:
    """Refuse, before any work, a path where no report can be written.

    Raises:
        KerasvoxError: if its folder is missing or the path is a folder itself.
    """
    if path.is_dir():
        raise KerasvoxError(f"{path}: is a folder; give the report a file name")
    if not path.parent.is_dir():
        raise KerasvoxError(f"{path}: cannot be written, the folder {path.parent} does not exist")


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write a report as JSON, whole or not at all."""
    try:
        presets.replace_text(path, json.dumps(report, indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise KerasvoxError(f"{path}: cannot be written ({error.strerror})") from error


def _perceptual(scored: Sequence[Row]) -> dict[str, Any]:
    reasons = {
        row["clip"]: row["undefined_perceptual"]["separator"]
        for row in scored
        if "undefined_perceptual" in row
    }
    if not reasons:
        return {}
    undefined = {
        metric: [
            {"clip": clip, "reason": why[metric]} for clip, why in reasons.items() if metric in why
        ]
        for metric in METRICS
    }
    return {
        metric: {"scored": len(reasons) - len(clips), "undefined": clips}
        for metric, clips in undefined.items()
    }


def _table(scored: Sequence[Row], method: str) -> list[Row]:
    return [
        {"clip": row["clip"], "samples": row["samples"], **row["scores"][method]} for row in scored
    ]
