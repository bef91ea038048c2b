"""The files of a checkpoint: written whole, and found out when they are not.

A checkpoint is a folder `step_00001000` with the weights and the optimiser's variables, the run's
state, and last the sha256 of both. It is written under another name, forced to the disk and
renamed, so that a kill or a power cut at any moment leaves the ones before as they were.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import keras

from kerasvox import presets
from kerasvox.models.weights_file import save_weights

WEIGHTS = "training.weights.h5"
STATE = "state.json"
_SUMS = presets.SUMS
_PARTIAL = "partial"
# Keys of the state file that concern this module alone. The first says that there must be sums:
# checkpoints of kerasvox 0.1 have none. The second holds the states of the random generators.
_HAS_SUMS = "sums"
_SEEDS = "seeds"


def checkpoint_directory(directory: Path, step: int) -> Path:
    """Return the folder of the checkpoint after a step."""
    return directory / f"step_{step:08d}"


def checkpoints(directory: Path) -> list[Path]:
    """Return the folders of all checkpoints, the oldest first."""
    # Not what a user puts beside them, as step_00001000.bak.
    return sorted(directory.glob("step_" + 8 * "[0-9]"))


def write_checkpoint(model: keras.Model, directory: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint.

    Args:
        model: a built and compiled model.
        directory: where the checkpoints are.
        state: the run's state; its `step` names the checkpoint.

    Raises:
        OSError: if that cannot be done, as where the disk is full; nothing of it is left.
    """
    partial = directory / _PARTIAL
    try:
        remove_leftovers(directory)
        partial.mkdir(parents=True)
        content = state | {_HAS_SUMS: True, _SEEDS: [_values(seed) for seed in _seeds(model)]}
        save_weights(model, partial / WEIGHTS)
        (partial / STATE).write_text(json.dumps(content, indent=2), encoding="utf-8")
        for file in (WEIGHTS, STATE):
            _to_disk(partial / file)
        lines = [f"{presets.sha256(partial / file)}  {file}\n" for file in (WEIGHTS, STATE)]
        (partial / _SUMS).write_text("".join(lines), encoding="utf-8")
        _to_disk(partial / _SUMS)
        _to_disk(partial)
        final = checkpoint_directory(directory, state["step"])
        if final.exists():
            remove_checkpoint(final)
        partial.rename(final)
        _to_disk(directory)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """Return the state of a checkpoint that is whole.

    Raises:
        ValueError: if a file of it is missing or damaged; the message says which, and how.
    """
    try:
        sums = _read_sums(folder)
        for file, digest in sums.items():
            if presets.sha256(folder / file) != digest:
                raise ValueError(f"{file} does not have the sha256 that {_SUMS} gives")
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if not isinstance(state, dict) or "step" not in state:
            raise ValueError(f"{STATE} holds no state of a run")
        if not sums:
            if state.get(_HAS_SUMS):
                raise ValueError(f"{_SUMS} is missing")
            h5py.File(folder / WEIGHTS).close()  # it names its own length, so no half is taken
        return state
    except FileNotFoundError as error:
        raise ValueError(f"{Path(error.filename or WEIGHTS).name} is missing") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is no text where it should be") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{STATE} is no JSON") from error
    except OSError as error:
        raise ValueError(f"it cannot be read: {' '.join(str(error).split())}") from error


def best_step(folder: Path) -> int | None:
    """Return the step of the best checkpoint that one tells of, without checking its files."""
    try:
        return json.loads((folder / STATE).read_text(encoding="utf-8"))["best"]["step"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def load_weights(model: keras.Model, folder: Path, state: dict[str, Any]) -> None:
    """Load weights, optimiser and random generators into a built and compiled model.

    Args:
        model: the model.
        folder: the folder of the checkpoint.
        state: what `read_checkpoint` returned for it.
    """
    model.load_weights(folder / WEIGHTS)
    if _SEEDS in state:
        for seed, values in zip(_seeds(model), state[_SEEDS], strict=True):
            seed.assign(values)


def remove_checkpoint(folder: Path) -> None:
    """Remove a checkpoint; a kill on the way leaves none that looks like one."""
    doomed = folder.with_name(f"removed_{folder.name}")
    folder.rename(doomed)
    shutil.rmtree(doomed)


def remove_leftovers(directory: Path) -> None:
    """Remove what a kill while saving or removing left."""
    for removed in directory.glob("removed_*"):
        shutil.rmtree(removed, ignore_errors=True)  # what will not go is in nobody's way
    if (directory / _PARTIAL).exists():
        shutil.rmtree(directory / _PARTIAL)


def _seeds(model: keras.Model) -> list[Any]:
    """Return the variables of the generators behind dropout, which Keras' file leaves out."""
    saved = {id(variable) for variable in model.weights}
    return [
        variable
        for variable in model.variables
        if id(variable) not in saved and variable.path.endswith("seed_generator_state")
    ]


def _values(variable: Any) -> list[int]:
    return [int(value) for value in keras.ops.convert_to_numpy(variable)]


def _to_disk(path: Path) -> None:
    """Force a file, or the names in a folder, onto the disk."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_sums(folder: Path) -> dict[str, str]:
    try:
        text = (folder / _SUMS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    sums = {file: digest for digest, _, file in (line.partition("  ") for line in text.split("\n"))}
    if not {WEIGHTS, STATE} <= set(sums):
        raise ValueError(f"{_SUMS} is incomplete")
    return {file: sums[file] for file in (WEIGHTS, STATE)}
