"""The folder that is served: `<folder>/<model>/<version>/saved_model.pb`."""

from pathlib import Path

from kerasvox.errors import ServingError

GRAPH_FILE = "saved_model.pb"


def find_models(directory: Path) -> dict[str, dict[int, Path]]:
    """Return the version folders of every model in a folder, by name and number.

    Hidden folders (an export under way is one) and folders without a graph are passed over.

    Raises:
        OSError: if the folder cannot be read.
    """
    models: dict[str, dict[int, Path]] = {}
    for folder in sorted(directory.iterdir()):
        if not folder.name.startswith(".") and folder.is_dir():
            versions = find_versions(folder)
            if versions:
                models[folder.name] = versions
    return models


def find_versions(model: Path) -> dict[int, Path]:
    """Return the version folders of one model, by number, in rising order."""
    found = {
        int(path.name): path
        for path in model.iterdir()
        # Not isdigit alone: it takes digits of other scripts and exponents too.
        if path.name.isascii() and path.name.isdigit() and (path / GRAPH_FILE).is_file()
    }
    return dict(sorted(found.items()))


def check_models(directory: Path) -> dict[str, dict[int, Path]]:
    """Return what `find_models` finds, where there must be something.

    Raises:
        ServingError: if the folder cannot be read, or holds no model.
    """
    if not directory.is_dir():
        raise ServingError(f"{directory}: is no folder; give one that `kerasvox export` wrote to")
    try:
        models = find_models(directory)
        if not models and find_versions(directory):
            raise ServingError(
                f"{directory}: is the folder of one model; give the folder above it, "
                f"{directory.resolve().parent}"
            )
    except OSError as error:
        raise ServingError(f"{directory}: cannot be read ({error.strerror})") from error
    if not models:
        raise ServingError(
            f"{directory}: holds no model; `kerasvox export PRESET --format savedmodel "
            f"-o {directory}` writes one"
        )
    return models
