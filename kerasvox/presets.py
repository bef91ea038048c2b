"""The zoo: which presets there are, where they lie, and whether their files are whole.

A preset is a folder: `config.json` (the class and its arguments), `model.weights.h5`,
`SHA256SUMS` of these two (as `sha256sum -c` reads it), and, of a trained one, `recipe.yaml`,
`metrics.json` and the model card `README.md`. Nothing here needs Keras.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from kerasvox.errors import PresetError

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
SUMS = "SHA256SUMS"
METRICS = "metrics.json"
RECIPE = "recipe.yaml"
CARD = "README.md"

_PACKAGE = Path(__file__).parent


def zoo_directory() -> Path:
    """Return the folder of the zoo: inside the installed package, or of the source checkout."""
    installed = _PACKAGE / "zoo"
    return installed if installed.is_dir() else _PACKAGE.parent / "zoo"


def list_presets() -> list[str]:
    """Return the names of the presets that come with the package, sorted."""
    return sorted(path.parent.name for path in zoo_directory().glob(f"*/{WEIGHTS}"))


def preset_directory(preset: str | Path) -> Path:
    """Return the folder of a preset given by its name or by its folder.

    Raises:
        PresetError: if it is neither a preset's name nor a folder with a preset.
    """
    if str(preset) in list_presets():
        return zoo_directory() / preset
    if not Path(preset).is_dir():
        known = ", ".join(list_presets()) or "none"
        raise PresetError(f"{preset}: is neither a folder nor a preset of the zoo ({known})")
    if not (Path(preset) / CONFIG).is_file():
        raise PresetError(f"{preset}: holds no {CONFIG}; a preset's folder has one")
    return Path(preset)


def preset_name(preset: str | Path) -> str:
    """Return the preset's name: that of its folder."""
    return preset_directory(preset).resolve().name


def read_config(directory: Path) -> dict[str, Any]:
    """Return the content of `config.json`, checked to be whole.

    Raises:
        PresetError: if a file of the preset is missing or damaged.
    """
    verify(directory, CONFIG)
    try:
        return json.loads((directory / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PresetError(f"{directory / CONFIG}: cannot be read ({error})") from error


def verify(directory: Path, file: str) -> None:
    """Compare a file of a preset with its sha256 in `SHA256SUMS`.

    Raises:
        PresetError: if either is missing, or they differ.
    """
    path = directory / file
    if not path.is_file():
        raise PresetError(f"{path}: is missing; the preset is incomplete")
    found = sha256(path)
    expected = _sums(directory).get(file)
    if found != expected:
        raise PresetError(
            f"{path}: is damaged, its sha256 is {found[:12]}... and should be "
            f"{(expected or 'in ' + SUMS)[:12]}...; install or train the preset again"
        )


def weights_sha256(directory: Path) -> str:
    """Return the sha256 that `SHA256SUMS` gives for the weights, as 64 hexadecimal digits."""
    expected = _sums(directory).get(WEIGHTS)
    if expected is None:
        raise PresetError(f"{directory / SUMS}: has no line for {WEIGHTS}")
    return expected


def write_sums(directory: Path) -> None:
    """Write `SHA256SUMS`: the last file of a preset, so that a half-written one is noticed."""
    lines = [f"{sha256(directory / file)}  {file}\n" for file in (CONFIG, WEIGHTS)]
    replace_text(directory / SUMS, "".join(lines))


def replace_text(path: Path, text: str) -> None:
    """Write a text file beside its place, then rename it there: never half a file."""
    beside = path.with_name(f".{path.name}.partial")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # else a power cut may keep the name and lose the text
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sums(directory: Path) -> dict[str, str]:
    try:
        text = (directory / SUMS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PresetError(f"{directory / SUMS}: cannot be read ({error})") from error
    return {file: digest for digest, _, file in (line.partition("  ") for line in text.split("\n"))}
