"""BSS-Eval v3: how much of an estimate is the source, the other source, or neither."""

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from kerasvox.data.clip import STEMS
from kerasvox.errors import KerasvoxError

FILTER_LENGTH = 512


class UndefinedScoreError(KerasvoxError, ValueError):
    """Signals for which a metric has no value; the message says which signal, and why."""


class BSSEval(NamedTuple):
    """Ratios in dB, one for each source: float64 arrays of shape `(n,)`."""

    sdr: np.ndarray
    sir: np.ndarray
    sar: np.ndarray


def bss_eval(sources: np.ndarray, estimates: np.ndarray, stems: Sequence[str] = STEMS) -> BSSEval:
    """Compute SDR, SIR and SAR as BSS-Eval 3.0 does in `bss_eval_sources`.

    An estimate is projected on the 512 delayed copies of its source (the target), then on those of
    all sources (the target and the interference); what is left are artifacts. One set of filters
    holds for the whole clip, and estimate i is always compared with source i. The sums are
    museval's. The SDR of a stem does not depend on the other sources; SIR and SAR do.

    Args:
        sources: the true signals, `(n, samples)`, vocals and accompaniment.
        estimates: the separated signals, `(n, samples)`. If the lengths differ, both are cut to
            the shorter.
        stems: what the sources are, for messages.

    Returns:
        The three ratios in dB. Of one source alone, only `sdr` means anything.

    Raises:
        UndefinedScoreError: if a source or an estimate is silent or not finite, if fewer than 512
            samples a source are left, or if a ratio is infinite.

    Reference:
        Vincent, Gribonval and Févotte, "Performance measurement in blind audio source separation",
        IEEE TASLP 14(4), 2006.
    """
    samples = min(np.shape(sources)[-1], np.shape(estimates)[-1])
    sources = np.asarray(sources, "float64")[:, :samples]
    estimates = np.asarray(estimates, "float64")[:, :samples]
    check_sources(sources, stems)
    _check_signals("estimate", estimates, stems)
    with np.errstate(divide="ignore", invalid="ignore"):  # what is not finite is refused below
        sdr, _, sir, sar, _ = _museval_metrics().bss_eval(
            sources[..., None],
            estimates[..., None],
            window=np.inf,
            hop=np.inf,
            compute_permutation=False,
            filters_len=FILTER_LENGTH,
            bsseval_sources_version=True,
        )
    scores = BSSEval(sdr[:, 0], sir[:, 0], sar[:, 0])
    if not np.isfinite(scores if len(sources) > 1 else scores.sdr).all():
        raise UndefinedScoreError("a ratio is infinite")
    return scores


def check_sources(sources: np.ndarray, stems: Sequence[str] = STEMS) -> None:
    """Check that estimates of sources can have scores.

    Args:
        sources: `(n, samples)`.
        stems: what they are, for messages.

    Raises:
        UndefinedScoreError: if one is silent or not finite, or if they have too few samples.
    """
    count, samples = sources.shape
    # Below this the delayed sources span the whole space: no estimate would have artifacts.
    if samples < count * FILTER_LENGTH:
        raise UndefinedScoreError(f"{samples} samples are fewer than {count * FILTER_LENGTH}")
    _check_signals("source", sources, stems)


def _check_signals(kind: str, signals: np.ndarray, stems: Sequence[str]) -> None:
    for stem, signal in zip(stems, signals, strict=True):
        if not np.isfinite(signal).all():
            raise UndefinedScoreError(f"the {kind} of {stem} is not finite")
        if not signal.any():
            raise UndefinedScoreError(f"the {kind} of {stem} is silent")


@cache
def _museval_metrics() -> ModuleType:
    """Load museval/metrics.py by its file: importing the package would demand an ffmpeg program."""
    package = importlib.util.find_spec("museval")
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder) / "metrics.py"
        spec = importlib.util.spec_from_file_location("kerasvox_museval_metrics", path)
        if path.is_file() and spec and spec.loader:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            vars(module)["np"] = _numpy_of_museval()
            return module
    raise KerasvoxError("museval/metrics.py is not installed; `pip install museval` brings it")


def _numpy_of_museval() -> ModuleType:
    """Return numpy with the `np.linalg.linalg` that NumPy 2 has no more.

    museval names it where a matrix is singular and where any exception passes, Ctrl-C's too.
    """
    linalg, numpy = ModuleType("numpy.linalg"), ModuleType("numpy")
    vars(linalg).update(vars(np.linalg) | {"linalg": np.linalg})
    vars(numpy).update(vars(np) | {"linalg": linalg})
    return numpy
