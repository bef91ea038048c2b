"""The scores of a clip, and their means over many clips."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kerasvox.data.clip import STEMS
from kerasvox.evaluation.bss_eval import bss_eval
from kerasvox.evaluation.perceptual import METRICS

RATIOS = ("NSDR", "SDR", "SIR", "SAR")
MEANS = {"GNSDR": "NSDR", "GSIR": "SIR", "GSAR": "SAR"}

# Stem -> ratio -> dB, and vocals -> perceptual metric -> value; None where a metric has no value.
StemScores = dict[str, dict[str, float | None]]


def baseline_sdr(sources: np.ndarray) -> np.ndarray:
    """Return the SDR in dB of the mixture taken as the estimate of each source, `(2,)`.

    Each source is the only reference: its SDR is the same with both, at half the work.

    Raises:
        UndefinedScoreError: see `bss_eval`.
    """
    mixture = sources.sum(axis=0, keepdims=True)
    return np.concatenate(
        [
            bss_eval(source[None], mixture, [stem]).sdr
            for stem, source in zip(STEMS, sources, strict=True)
        ]
    )


def score_stems(
    sources: np.ndarray, estimates: np.ndarray, baseline: np.ndarray | None = None
) -> StemScores:
    """Score the estimates of one clip.

    The gain over doing nothing is NSDR(v^, v, x) = SDR(v^, v) - SDR(x, v), with estimate v^, source
    v and mixture x (Huang et al., TASLP 2015).

    Args:
        sources: vocals and accompaniment, `(2, samples)`; their sum is the mixture.
        estimates: the separated stems, `(2, samples)`, possibly a little shorter.
        baseline: `baseline_sdr(sources)`, where it is already known.

    Returns:
        NSDR, SDR, SIR and SAR in dB of each stem.

    Raises:
        UndefinedScoreError: see `bss_eval`.
    """
    ratios = bss_eval(sources, estimates)
    baseline = baseline_sdr(sources) if baseline is None else baseline
    table = zip(ratios.sdr - baseline, *ratios, strict=True)
    return {
        stem: {name: float(value) for name, value in zip(RATIOS, row, strict=True)}
        for stem, row in zip(STEMS, table, strict=True)
    }


def undefined_scores() -> StemScores:
    """Return the scores of a clip for which BSS-Eval has no value."""
    return {stem: dict.fromkeys(RATIOS) for stem in STEMS}


def weighted_means(scored: Iterable[tuple[int, StemScores]]) -> dict[str, dict[str, Any]]:
    """Average the scores over clips, weighted by their lengths.

    GNSDR = sum(w NSDR) / sum(w) with w the full length of a clip in samples, and so GSIR and GSAR
    (Huang et al., TASLP 2015). A clip without a value takes no part in that mean. PESQ and STOI,
    where clips have them, are averaged alike and keep their names.

    Args:
        scored: the length in samples and the scores of every clip.

    Returns:
        GNSDR, GSIR and GSAR in dB of each stem, and the perceptual metrics that clips have; None
        if no clip has a value.
    """
    clips = list(scored)
    return {
        stem: {
            mean: _weighted_mean([(w, scores[stem][score]) for w, scores in clips])
            for mean, score in (MEANS | _perceptual(clips, stem)).items()
        }
        for stem in STEMS
    }


def _perceptual(clips: Sequence[tuple[int, StemScores]], stem: str) -> dict[str, str]:
    return {
        metric: metric for metric in METRICS if any(metric in scores[stem] for _, scores in clips)
    }


def _weighted_mean(values: Iterable[tuple[int, float | None]]) -> float | None:
    defined = [(w, value) for w, value in values if value is not None]
    if not defined:
        return None
    weights, scores = zip(*defined, strict=True)
    return float(np.average(scores, weights=weights))
