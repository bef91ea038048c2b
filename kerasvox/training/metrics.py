"""`metrics.json`: what a preset was trained on, and what it scored."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasvox import presets
from kerasvox.data.clip import Clip
from kerasvox.data.digest import names_sha256
from kerasvox.errors import PresetError, UsageError
from kerasvox.evaluation.perceptual_libraries import PACKAGES
from kerasvox.evaluation.protocol import protocol
from kerasvox.training.sections import Recipe


def write_training_metrics(
    directory: Path,
    *,
    recipe: Recipe,
    step: int,
    software: dict[str, Any],
    data: Mapping[str, Sequence[Clip]],
    dev: dict[str, dict[str, float]],
    first_stage_sha256: str | None = None,
) -> None:
    """Write the metrics of a preset that was just trained.

    Scores of these very weights that were added before, see `add_scores`, are kept.

    Args:
        directory: the preset's folder.
        recipe: what trained it.
        step: after how many steps the weights were kept.
        software: see `provenance.software`.
        data: the clips of each split that was used.
        dev: the dev scores of the stored weights; null where there are none.
        first_stage_sha256: of the weights of the preset that the first stage came from, if any.
    """
    folder = {"mir1k": "MIR-1K", "stems": "TRACKS"}[recipe.data.set]
    metrics: dict[str, Any] = {
        "weights_sha256": presets.weights_sha256(directory),
        "training": {
            "command": f"kerasvox train {presets.RECIPE} --data {folder} -o {directory.name}",
            "seed": recipe.seed,
            "step": step,
            "data": {split: _describe(clips) for split, clips in data.items()},
            "software": software,
        },
        "scores": _added_scores(directory)
        | {"dev": {"clips": len(data["dev"]), "means": _finite(dev)}},
        "protocol": protocol(recipe.data.set),
    }
    if first_stage_sha256:
        metrics["training"]["first_stage_sha256"] = first_stage_sha256
    _write(directory, metrics)


def add_scores(directory: Path, report: dict[str, Any]) -> None:
    """Add the means of an evaluation report to a preset's metrics, under its split.

    Raises:
        UsageError: if the report is of other weights, or of another kind of data set.
        PresetError: if the preset has no metrics.
    """
    metrics = read_metrics(directory)
    if report["preset"]["weights_sha256"] != presets.weights_sha256(directory):
        raise UsageError(f"{directory}: the report is of other weights; evaluate this preset")
    kinds = [each["protocol"]["mixture"] for each in (report, metrics)]
    if kinds[0] != kinds[1]:
        raise UsageError(
            f"{directory}: its metrics are of mixtures that are: {kinds[1]}; the report's are: "
            f"{kinds[0]}; keep it in a file of its own"
        )
    entry = {"clips": report["scored"], "means": report["means"]}
    if "perceptual" in report:
        versions = report["protocol"]["versions"]
        entry["perceptual"] = {
            "clips": {metric: part["scored"] for metric, part in report["perceptual"].items()},
            "protocol": report["protocol"]["perceptual"],
            "versions": {package: versions[package] for package in PACKAGES},
        }
    metrics["scores"][report["data"]["split"]] = entry
    _write(directory, metrics)


def read_metrics(directory: Path) -> dict[str, Any]:
    """Return the content of a preset's `metrics.json`.

    Raises:
        PresetError: if it is missing or no JSON.
    """
    path = directory / presets.METRICS
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PresetError(f"{path}: cannot be read ({error}); a trained preset has it") from error


def _added_scores(directory: Path) -> dict[str, Any]:
    if not (directory / presets.METRICS).exists():
        return {}
    before = read_metrics(directory)
    same = before["weights_sha256"] == presets.weights_sha256(directory)
    return before["scores"] if same else {}


def _describe(clips: Sequence[Clip]) -> dict[str, Any]:
    return {"clips": len(clips), "names_sha256": names_sha256(clips)}


def _finite(means: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    return {
        stem: {name: dB if math.isfinite(dB) else None for name, dB in values.items()}
        for stem, values in means.items()
    }


def _write(directory: Path, metrics: dict[str, Any]) -> None:
    presets.replace_text(
        directory / presets.METRICS, json.dumps(metrics, indent=2, allow_nan=False) + "\n"
    )
