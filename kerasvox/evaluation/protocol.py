"""What a reader must know to compare scores: the protocol, in words and versions."""

import platform
from importlib import metadata
from typing import Any

from kerasvox import __version__
from kerasvox.evaluation.bss_eval import FILTER_LENGTH
from kerasvox.evaluation.perceptual import PESQ_LONGEST, PESQ_SHORTEST, RATE, STOI_SHORTEST
from kerasvox.evaluation.perceptual_libraries import PACKAGES

_MIXTURES = {
    "mir1k": "left + right, 0 dB",
    "stems": "sum of the stems at their own levels, mono, at the model's rate",
}
_PACKAGES = ("museval", "numpy", "scipy", "keras", "tensorflow")
_PERCEPTUAL = {
    "stem": "vocals only: these are metrics of speech",
    "PESQ-NB": "ITU-T P.862, mapped by P.862.1 to MOS-LQO",
    "PESQ-WB": "ITU-T P.862.2, MOS-LQO",
    "STOI": "Taal et al. 2011, not the extended one",
    "implementation": "pesq.pesq, pystoi.stoi",
    "rate": f"{RATE} Hz; signals of another rate are resampled by soxr",
    "means": "weighted by full clip length in samples",
    "undefined": "null, metric by metric, listed, counted and left out of its mean: a silent "
    f"source or estimate; for PESQ less than {PESQ_SHORTEST:g} s, more than {PESQ_LONGEST:g} s or "
    f"no utterance detected; for STOI up to {STOI_SHORTEST:g} s without silence",
}


def protocol(data_set: str, perceptual: bool = False) -> dict[str, Any]:
    """Return how scores are computed, as it goes into every report.

    Args:
        data_set: the kind of set that is scored, `"mir1k"` or `"stems"`.
        perceptual: whether PESQ and STOI are among them.
    """
    packages = (*_PACKAGES, *PACKAGES, "soxr") if perceptual else _PACKAGES
    described = {
        "metric": "BSS-Eval 3.0 (bss_eval_sources)",
        "implementation": "museval.metrics.bss_eval, window and hop infinite",
        "filter_length": FILTER_LENGTH,
        "references": "both sources jointly; estimate i is compared with source i",
        "lengths": "estimate and source are cut to the shorter",
        "NSDR": "SDR(estimate, source) - SDR(mixture, source)",
        "means": "GNSDR, GSIR, GSAR: NSDR, SIR, SAR weighted by full clip length in samples",
        "mixture": _MIXTURES[data_set],
        "undefined": "a clip with a silent source or estimate has no scores (null): it is listed, "
        "counted and left out of the means",
        "versions": {
            "kerasvox": __version__,
            "python": platform.python_version(),
            **{package: _version(package) for package in packages},
        },
    }
    return described | ({"perceptual": _PERCEPTUAL} if perceptual else {})


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # TensorFlow, where Keras runs on another backend
        return None
