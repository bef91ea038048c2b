"""What tests compare of two runs: all arrays of a checkpoint, and what it says of the run."""

import json

import h5py


def arrays(checkpoint):
    """Return the bytes of every array of a checkpoint's weights file, by name."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[...].tobytes()

    with h5py.File(checkpoint / "training.weights.h5") as file:
        file.visititems(visit)
    return found


def state(checkpoint):
    return json.loads((checkpoint / "state.json").read_text())


def newest(run):
    return max((run / "checkpoints").glob("step_*"))
