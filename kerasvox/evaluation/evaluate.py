"""Score a preset on a data set."""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from kerasvox import presets
from kerasvox.data.clip import Clip
from kerasvox.data.digest import digest, names_sha256
from kerasvox.data.open_data import DataSet, open_data
from kerasvox.errors import DataError, PresetError, UsageError
from kerasvox.evaluation.partial import PartialReport
from kerasvox.evaluation.perceptual_libraries import perceptual_libraries
from kerasvox.evaluation.pool import score_in_processes
from kerasvox.evaluation.protocol import protocol
from kerasvox.evaluation.report import Row, build_report, check_writable, write_report


def evaluate(
    preset: str | Path,
    data: str | Path,
    split: str = "test",
    *,
    names: Sequence[str] | None = None,
    split_seed: int | None = None,
    processes: int | None = None,
    baselines: bool = False,
    perceptual: bool = False,
    output: str | Path | None = None,
    resume: bool = True,
    progress: Callable[[Sequence[Row], int], None] | None = None,
) -> dict[str, Any]:
    """Separate and score every clip of a split with BSS-Eval 3.0.

    Clips go to spawned processes of one compute thread each; the scores do not depend on how many
    there are. A script that calls this needs the `if __name__ == "__main__":` guard that spawned
    processes ask for.

    Args:
        preset: a preset's name or folder.
        data: the folder of MIR-1K, of tracks with stems, or of shards of either.
        split: `"train"`, `"dev"` or `"test"`.
        names: score only these clips of the split.
        split_seed: chooses the split of tracks that no folder chooses; by default as the preset's
            recipe does, so that no track that trained it is a test track.
        processes: how many processes; as many as there are CPU cores by default.
        baselines: whether to score the mixture as the estimate, and the oracle masks.
        perceptual: whether to compute PESQ and STOI of the vocals as well, see
            `perceptual_scores`; needs the packages of the extra `perceptual`.
        output: where to write the report. While the work is under way, finished clips are kept
            beside it in `<output>.partial`, also after an interrupt or a kill.
        resume: whether to take over what `<output>.partial` holds.
        progress: called with all finished rows and the number of clips, at the start and after
            every clip.

    Returns:
        The report, see `build_report`. A clip that cannot be read is named in `failed`; one whose
        scores are undefined in `undefined`. Neither takes part in the means. PESQ and STOI are
        counted and listed each for itself, in `perceptual`.

    Raises:
        PresetError: if the preset is unknown or damaged.
        DataError: if the folder or the split holds no clips.
        UsageError: if the split or the number of processes is wrong, or a package is missing.
        KerasvoxError: if the report cannot be written, or `<output>.partial` belongs to another
            evaluation.
    """
    processes = _cores() if processes is None else processes
    if processes < 1:
        raise UsageError(f"processes must be at least 1; received {processes}")
    if perceptual:
        perceptual_libraries()
    directory = presets.preset_directory(preset)
    presets.verify(directory, presets.WEIGHTS)
    seed = _recipes_seed(directory) if split_seed is None else split_seed
    data_set = open_data(data, seed=seed)
    clips = _choose(data_set, split, names)
    origin = _origin(directory, data_set, split, clips, perceptual)
    if data_set.set == "stems":
        origin["data"]["split_seed"] = seed
    output = None if output is None else Path(output)
    chosen: dict[str, Any] = {"baselines": baselines, "perceptual": perceptual}
    partial = None
    if output:
        chosen |= {"data": f"{split}, {digest(data_set.clips(split))}"}
        partial = _open_partial(output, origin, chosen, resume)
    rows = _finished(partial, clips)
    report_progress = progress or (lambda rows, total: None)
    try:
        report_progress(rows, len(clips))
        done = {row["clip"] for row in rows}
        todo = [clip for clip in clips if clip.name not in done]
        scores = score_in_processes(directory, todo, baselines, perceptual, processes)
        with closing(scores):
            for row in scores:
                # What failed is tried again by the next run.
                if partial and "error" not in row:
                    partial.append(row)
                rows.append(row)
                report_progress(rows, len(clips))
        order = {clip.name: position for position, clip in enumerate(clips)}
        report = build_report(origin, sorted(rows, key=lambda row: order[row["clip"]]))
        if output and partial:
            write_report(report, output)
            partial.remove()
    finally:
        if partial:
            partial.close()
    return report


def _recipes_seed(directory: Path) -> int:
    """Return the `data.split_seed` of a preset's recipe, 0 if it has none."""
    path = directory / presets.RECIPE
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        return int(recipe.get("data", {}).get("split_seed", 0))
    except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise PresetError(f"{path}: cannot be read ({reason}); give split_seed") from error


def _choose(data_set: DataSet, split: str, names: Sequence[str] | None) -> list[Clip]:
    data, clips = data_set.directory, data_set.clips(split)
    if not clips:
        raise DataError(f"{data}: holds no clip of the {split} split")
    if names is None:
        return clips
    unknown = sorted(set(names) - {clip.name for clip in clips})
    if unknown or not names:
        raise DataError(f"{data}: the {split} split holds no clip {', '.join(unknown) or '(none)'}")
    return [clip for clip in clips if clip.name in names]


def _origin(
    directory: Path, data_set: DataSet, split: str, clips: Sequence[Clip], perceptual: bool
) -> dict[str, dict[str, Any]]:
    return {
        "preset": {
            "name": presets.preset_name(directory),
            "weights_sha256": presets.weights_sha256(directory),
        },
        "protocol": protocol(data_set.set, perceptual),
        "data": {
            "directory": data_set.directory.resolve().name,
            "set": data_set.set,
            "split": split,
            "clips": len(clips),
            "list_sha256": names_sha256(clips),
        },
    }


def _open_partial(
    output: Path, origin: dict[str, Any], chosen: dict[str, Any], resume: bool
) -> PartialReport:
    """Open `<output>.partial`; rows of other weights, data, scores or versions are refused."""
    check_writable(output)
    header = {
        "weights_sha256": origin["preset"]["weights_sha256"],
        **chosen,
        "protocol": origin["protocol"],
    }
    return PartialReport(output.with_name(f"{output.name}.partial"), header, resume)


def _finished(partial: PartialReport | None, clips: Sequence[Clip]) -> list[Row]:
    wanted = {clip.name for clip in clips}
    return [row for row in partial.rows if row["clip"] in wanted] if partial else []


def _cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
