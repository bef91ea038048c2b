"""The scores of a clip, and their means over many clips."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from kerasvox.data.clip import STEMS
from kerasvox.evaluation.bss_eval import bss_eval

RATIOS = ("NSDR", "SDR", "SIR", "SAR")
MEANS = {"GNSDR": "NSDR", "GSIR": "SIR", "GSAR": "SAR"}

# Stem -> ratio -> dB; a ratio is None where BSS-Eval has no value.
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
    (Huang et al., TASLP 2015). A clip without values takes no part.

    Args:
        scored: the length in samples and the scores of every clip.

    Returns:
        GNSDR, GSIR and GSAR in dB of each stem; None if no clip has values.
    """
    clips = [(w, scores) for w, scores in scored if scores[STEMS[0]]["NSDR"] is not None]
    if not clips:
        return {stem: dict.fromkeys(MEANS) for stem in STEMS}
    weights = [w for w, _ in clips]
    return {
        stem: {
            mean: float(np.average([scores[stem][ratio] for _, scores in clips], weights=weights))
            for mean, ratio in MEANS.items()
        }
        for stem in STEMS
    }
