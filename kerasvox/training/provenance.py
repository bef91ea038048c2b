"""Which code trained a preset."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import keras

import kerasvox

_THEN = ", then "


def software() -> dict[str, Any]:
    """Return the versions that a training run used, and the commit if it ran from a checkout."""
    return {
        "kerasvox": kerasvox.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "keras": keras.__version__,
        "backend": f"{keras.config.backend()} {metadata.version(keras.config.backend())}",
    }


def joined(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Return the software of a run that goes on: where a version is another, both of them."""
    return {
        name: value if str(now[name]) in str(value).split(_THEN) else f"{value}{_THEN}{now[name]}"
        for name, value in before.items()
    }


def _commit() -> str | None:
    package = Path(kerasvox.__file__).parent
    if not (package.parent / ".git").exists():
        return None  # an installed package: its version says it all
    try:
        commit = _git(package, "rev-parse", "HEAD")
        changed = _git(package, "status", "--porcelain", "--", str(package))
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit} (with uncommitted changes)" if changed else commit


def _git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
