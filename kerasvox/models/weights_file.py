"""A weights file that is written, or told to be too large: HDF5 cannot say so politely."""

import errno
import math
import os
import shutil
from pathlib import Path
from typing import Any

import keras

# What HDF5 needs beside the values, at most, by measurement: for the file, and for each array.
_FILE_BYTES, _ARRAY_BYTES = 65536, 4096


def save_weights(model: keras.Model, path: Path) -> None:
    """Write the weights of a built model, and the variables of its optimiser if it has one.

    Args:
        model: the model, of float32 at most.
        path: the file, `<name>.weights.h5`, in a folder of its own.

    Raises:
        OSError: if that cannot be done, as where the disk is full.
    """
    _reserve(path.parent, _stored(model))
    try:
        model.save_weights(path)
    except RuntimeError as error:
        if "errno" not in str(error):
            raise
        # What h5py makes of a disk that is full when a file is closed.
        raise OSError(errno.EIO, " ".join(str(error).split()), str(path)) from error


def _stored(model: keras.Model) -> list[Any]:
    optimizer = getattr(model, "optimizer", None)
    # Those inside a LossScaleOptimizer Keras stores once more in its place.
    inner = getattr(optimizer, "inner_optimizer", None)
    owners = [owner for owner in (model, optimizer, inner) if owner is not None]
    return [variable for owner in owners for variable in owner.variables]


def _reserve(directory: Path, variables: list[Any]) -> None:
    """Find out whether there is room before HDF5 does.

    A write that fails inside HDF5 fails again in destructors, where nobody can catch it.
    """
    size = _FILE_BYTES + sum(_ARRAY_BYTES + 4 * math.prod(each.shape) for each in variables)
    with (directory / "reserved").open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        elif shutil.disk_usage(directory).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory))
    (directory / "reserved").unlink()
