"""What an artefact says of itself."""

from pathlib import Path
from typing import Any

import yaml

import kerasvox
from kerasvox import presets
from kerasvox.models.separator import Separator

_LICENCE = "Apache-2.0"  # of the package, and of a preset whose card names no other


def metadata(separator: Separator, directory: Path, max_seconds: float | None = None) -> dict:
    """Describe a separator that came from a preset.

    Args:
        separator: the model.
        directory: its preset's folder.
        max_seconds: the longest waveform that the artefact takes; `None` where it takes any.

    Returns:
        dict of JSON values, those that are not known or do not apply left out.
    """
    facts = {
        "model_name": presets.preset_name(directory),
        "model_type": type(separator).__name__,
        "kerasvox": kerasvox.__version__,
        "sample_rate": separator.sample_rate,
        "stems": list(separator.stems),
        "n_fft": separator.stft.n_fft,
        "hop": separator.stft.hop,
        "window": separator.stft.window,
        "licence": licence(directory),
        "weights_sha256": presets.weights_sha256(directory),
        "max_seconds": max_seconds,
        "streaming_delay": getattr(separator, "streaming_delay", None),  # samples
    }
    return {key: value for key, value in facts.items() if value is not None}


def licence(directory: Path) -> str:
    """Return the SPDX name of the weights' licence, as the front matter of the card gives it."""
    try:
        _, front, _ = (directory / presets.CARD).read_text(encoding="utf-8").split("---\n", 2)
        found: Any = yaml.safe_load(front)["license"]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return _LICENCE
    # Cards write it in the lower case of the model hubs.
    return _LICENCE if str(found).lower() == _LICENCE.lower() else str(found)
