"""What a run knows of itself: where it is, and with what it was begun."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasvox.data.clip import Clip
from kerasvox.data.digest import digest, names_sha256
from kerasvox.errors import UsageError
from kerasvox.training.build import first_stage_sha256
from kerasvox.training.checkpoint import newest_state
from kerasvox.training.facts import differences, flatten
from kerasvox.training.provenance import joined, software
from kerasvox.training.sections import Recipe

FIRST_STAGE = "weights of stages.first"
Clips = Mapping[str, Sequence[Clip]]


def run_facts(recipe: Recipe, clips: Clips) -> dict[str, Any]:
    """Return what must be the same on every worker, and whenever a run goes on."""
    return {
        "recipe": recipe.model_dump(mode="json"),
        "clips": {split: names_sha256(each) for split, each in clips.items()},
        FIRST_STAGE: first_stage_sha256(recipe),
    }


def run_files(clips: Clips) -> dict[str, str]:
    """Return what the clips' files are, by split: the same on every worker."""
    return {split: digest(each) for split, each in clips.items()}


def run_state(checkpoints: Path, recipe: Recipe, clips: Clips) -> dict[str, Any]:
    """Return the state that the newest checkpoint was left in, or that of a run that begins.

    A line on the standard error stream tells if the clips' files have changed since.

    Args:
        checkpoints: the folder of the checkpoints.
        recipe: the recipe.
        clips: the clips of each split.

    Raises:
        UsageError: if the run was begun with another recipe, other clips or another first stage.
        TrainingError: if there are checkpoints, and all of them are damaged.
    """
    facts, files = run_facts(recipe, clips), run_files(clips)
    state = newest_state(checkpoints)
    if state is None:
        return {"epoch": 0, "step": 0, "software": software(), "facts": facts, "files": files}
    state = {"facts": facts, "files": files, **state}  # older checkpoints have neither
    if fault := differences(flatten(state["facts"]), flatten(facts)):
        raise UsageError(
            f"{checkpoints.parent}: its run was begun with another {fault}; go on with what it was "
            "begun with, or give another folder"
        )
    if changed := differences(state["files"], files):
        print(
            f"kerasvox: {checkpoints.parent}: the data has changed since its run began: {changed}",
            file=sys.stderr,
        )
    state["software"] = joined(state["software"], software())
    return state
