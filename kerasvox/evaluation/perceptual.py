"""PESQ and STOI: how good, and how intelligible, a listener would find separated vocals."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from kerasvox.audio.resampler import resample
from kerasvox.errors import UsageError
from kerasvox.evaluation.bss_eval import UndefinedScoreError
from kerasvox.evaluation.perceptual_libraries import perceptual_libraries

METRICS = ("PESQ-NB", "PESQ-WB", "STOI")

# Hz; both modes of PESQ are defined here.
RATE = 16000

# Seconds. The reference code of PESQ has room for 50 utterances, does not check, and crashes on
# more. With its pauses an utterance takes at least 97 windows of 4 ms, so 50 need 19.4 s.
PESQ_SHORTEST, PESQ_LONGEST = 0.25, 19.0

# Seconds. A segment has 30 frames; 31 of 25.6 ms with a hop of 12.8 ms must begin before the end.
STOI_SHORTEST = 0.4096


class PerceptualScores(NamedTuple):
    """The value of each metric, None where it has none, and then the reason in `undefined`."""

    values: dict[str, float | None]
    undefined: dict[str, str]


def perceptual_scores(source: np.ndarray, estimate: np.ndarray, rate: int) -> PerceptualScores:
    """Compute PESQ, narrow and wide band, and STOI of separated vocals.

    These are metrics of speech. They say something about a voice, nothing about an accompaniment,
    and were validated with talkers, not with singers. Signals of another rate than 16 kHz are
    resampled to it.

    Args:
        source: the true vocals, `(samples,)`.
        estimate: the separated vocals, `(samples,)`. If the lengths differ, both are cut to the
            shorter.
        rate: the sample rate of both in Hz.

    Returns:
        PESQ as MOS-LQO (4.55 and 4.64 at best) and STOI (1 at best). A metric has no value if a
        signal is silent or not finite, too short for it, or, for PESQ, longer than 19 s or without
        an utterance that it detects.

    Raises:
        UsageError: if `pesq` or `pystoi` is not installed, or a signal has channels.

    References:
        ITU-T P.862, P.862.1 (narrow band) and P.862.2 (wide band).
        Taal et al., "An algorithm for intelligibility prediction of time-frequency weighted noisy
        speech", IEEE TASLP 19(7), 2011.
    """
    for signal in (source, estimate):
        if np.ndim(signal) != 1:
            raise UsageError(f"signals must have shape (samples,); received {np.shape(signal)}")
    samples = min(len(source), len(estimate))
    source, estimate = (_prepared(signal[:samples], rate) for signal in (source, estimate))
    scores = PerceptualScores({}, {})
    for name in METRICS:
        try:
            _check(source, estimate)
            scores.values[name] = _COMPUTE[name](source, estimate)
        except UndefinedScoreError as error:
            scores.values[name] = None
            scores.undefined[name] = str(error)
    return scores


def _prepared(signal: np.ndarray, rate: int) -> np.ndarray:
    return resample(np.asarray(signal, "float32")[None], rate, RATE)[0]


def _check(source: np.ndarray, estimate: np.ndarray) -> None:
    for kind, signal in (("source", source), ("estimate", estimate)):
        if not np.isfinite(signal).all():
            raise UndefinedScoreError(f"the {kind} of vocals is not finite")
        if not signal.any():
            raise UndefinedScoreError(f"the {kind} of vocals is silent")


def _pesq(source: np.ndarray, estimate: np.ndarray, mode: str) -> float:
    seconds = len(source) / RATE
    if seconds < PESQ_SHORTEST:
        raise UndefinedScoreError(f"{seconds:.3f} s are shorter than PESQ's {PESQ_SHORTEST:g} s")
    if seconds > PESQ_LONGEST:
        raise UndefinedScoreError(f"{seconds:.1f} s are longer than PESQ's {PESQ_LONGEST:g} s")
    pesq, _ = perceptual_libraries()
    codes = pesq.PesqError
    # Error codes are negative, scores are not; exceptions would hide a score that is not a number.
    score = pesq.pesq(RATE, source, estimate, mode, on_error=codes.RETURN_VALUES)
    if score == codes.NO_UTTERANCES_DETECTED:
        raise UndefinedScoreError("PESQ detects no utterance")
    if not score >= 0:
        raise UndefinedScoreError(f"PESQ is {score}")
    return float(score)


def _stoi(source: np.ndarray, estimate: np.ndarray) -> float:
    seconds = len(source) / RATE
    if seconds <= STOI_SHORTEST:
        raise UndefinedScoreError(f"{seconds:.3f} s are shorter than STOI's {STOI_SHORTEST:g} s")
    _, pystoi = perceptual_libraries()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Its only warning: too little is left without silence, and what it returns is no score.
        warnings.simplefilter("error", RuntimeWarning)
        try:
            score = pystoi.stoi(source.astype("float64"), estimate.astype("float64"), RATE)
        except RuntimeWarning as warning:
            raise UndefinedScoreError(
                f"without silence the vocals are shorter than STOI's {STOI_SHORTEST:g} s"
            ) from warning
    if not np.isfinite(score):
        raise UndefinedScoreError(f"STOI is {score}")
    return float(score)


_COMPUTE: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "PESQ-NB": partial(_pesq, mode="nb"),
    "PESQ-WB": partial(_pesq, mode="wb"),
    "STOI": _stoi,
}
