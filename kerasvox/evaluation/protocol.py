"""What a reader must know to compare scores: the protocol, in words and versions."""

import platform
from importlib import metadata
from typing import Any

from kerasvox import __version__
from kerasvox.evaluation.bss_eval import FILTER_LENGTH

_PACKAGES = ("museval", "numpy", "scipy", "keras", "tensorflow")


def protocol() -> dict[str, Any]:
    """Return how scores are computed, as it goes into every report."""
    return {
        "metric": "BSS-Eval 3.0 (bss_eval_sources)",
        "implementation": "museval.metrics.bss_eval, window and hop infinite",
        "filter_length": FILTER_LENGTH,
        "references": "both sources jointly; estimate i is compared with source i",
        "lengths": "estimate and source are cut to the shorter",
        "NSDR": "SDR(estimate, source) - SDR(mixture, source)",
        "means": "GNSDR, GSIR, GSAR: NSDR, SIR, SAR weighted by full clip length in samples",
        "mixture": "left + right, 0 dB",
        "undefined": "a clip with a silent source or estimate has no scores (null): it is listed, "
        "counted and left out of the means",
        "versions": {
            "kerasvox": __version__,
            "python": platform.python_version(),
            **{package: _version(package) for package in _PACKAGES},
        },
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # TensorFlow, where Keras runs on another backend
        return None
