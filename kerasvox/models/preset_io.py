"""Separators to and from a preset's folder."""

import io
import json
import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import keras

import kerasvox
from kerasvox import presets
from kerasvox.errors import PresetError
from kerasvox.models.weights_file import save_weights

if TYPE_CHECKING:
    from kerasvox.models.separator import Separator

DTYPES = ("float16", "float32")
_PARTIAL = ".partial-preset-"


def save(separator: "Separator", directory: Path, dtype: str) -> None:
    """Write `config.json`, `model.weights.h5` and `SHA256SUMS`.

    Raises:
        PresetError: if the folder cannot be written or the dtype is not one of `DTYPES`.
    """
    if dtype not in DTYPES:
        raise PresetError(f"weights are stored as {' or '.join(DTYPES)}; received {dtype!r}")
    separator.build()
    config = {
        "module": type(separator).__module__,
        "class": keras.saving.get_registered_name(type(separator)),
        "config": separator.get_config(),
        "kerasvox": kerasvox.__version__,
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for left in directory.glob(f"{_PARTIAL}*"):  # by a process that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(dir=directory, prefix=_PARTIAL) as beside:
            weights = Path(beside) / presets.WEIGHTS
            save_weights(separator, weights)
            _cast(weights, dtype)
            weights.replace(directory / presets.WEIGHTS)
        presets.replace_text(directory / presets.CONFIG, json.dumps(config, indent=2) + "\n")
        presets.write_sums(directory)
    except OSError as error:
        reason = " ".join(str(error).split())  # HDF5 breaks its lines
        raise PresetError(f"{directory}: cannot be written ({reason})") from error


def load(cls: type, directory: Path, load_weights: bool) -> Any:
    """Build the separator that a preset's folder describes; see `Separator.from_preset`."""
    config = presets.read_config(directory)
    kind = _registered_class(config, directory)
    if not issubclass(kind, cls):
        raise PresetError(f"{directory}: holds a {kind.__name__}, not a {cls.__name__}")
    separator = kind.from_config(config["config"])
    separator.build()
    separator.preset = presets.preset_name(directory)
    if load_weights:
        presets.verify(directory, presets.WEIGHTS)
        separator.load_weights(directory / presets.WEIGHTS)
        separator.weights_sha256 = presets.weights_sha256(directory)
    return separator


def _registered_class(config: dict[str, Any], directory: Path) -> Any:
    # Only our own modules are imported by name: a preset must not choose what code runs.
    if str(config["module"]).startswith("kerasvox."):
        import_module(config["module"])
    kind = keras.saving.get_registered_object(config["class"])
    if kind is None:
        raise PresetError(
            f"{directory}: its class {config['class']} is not registered; import it first"
        )
    return kind


def _cast(weights: Path, dtype: str) -> None:
    """Store every float32 array of a weights file as `dtype`; Keras casts back when it loads."""
    # Into a second file: HDF5 gives the space of a replaced array never back. In memory: from there
    # it takes no more room than the first one had, and a disk that is full can be told.
    compact = io.BytesIO()
    with h5py.File(weights) as source, h5py.File(compact, "w") as target:
        _copy(source, target, dtype)
    weights.write_bytes(compact.getbuffer())


def _copy(source: h5py.Group, target: h5py.Group, dtype: str) -> None:
    # Not the layers' names: some carry a number that counts the process' layers, and equal weights
    # would make files of different sha256. Keras finds weights by their place.
    target.attrs.update({key: value for key, value in source.attrs.items() if key != "name"})
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy(item, target.create_group(name), dtype)
        else:
            values = item[...]
            target[name] = values.astype(dtype) if values.dtype == "float32" else values
