"""The libraries behind the perceptual scores, which are an optional extra."""

import importlib
from types import ModuleType

from kerasvox.errors import UsageError

PACKAGES = ("pesq", "pystoi")


def perceptual_libraries() -> tuple[ModuleType, ModuleType]:
    """Import `pesq` and `pystoi`.

    Raises:
        UsageError: if one of them is missing or does not load.
    """
    try:
        pesq, pystoi = (importlib.import_module(package) for package in PACKAGES)
    except ImportError as error:
        raise UsageError(
            f"PESQ and STOI need two more packages: pip install {' '.join(PACKAGES)} ({error})"
        ) from error
    return pesq, pystoi
