"""Scores of a model in memory on a few clips, as training wants them."""

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from kerasvox.data.clip import Clip
from kerasvox.errors import DataError
from kerasvox.evaluation.bss_eval import UndefinedScoreError, check_sources
from kerasvox.evaluation.scores import StemScores, score_stems, undefined_scores, weighted_means
from kerasvox.evaluation.worker import estimate_stems

if TYPE_CHECKING:
    from kerasvox.models.separator import Separator


def require_scorable(clips: Sequence[tuple[Clip, np.ndarray]]) -> None:
    """Check that there is a clip that can have scores.

    Args:
        clips: each with its sources `(2, samples)`.

    Raises:
        DataError: if there is none.
    """
    for clip, sources in clips:
        try:
            check_sources(sources)
            return
        except UndefinedScoreError as error:
            fault = f"{clip.name}: {error}"
    raise DataError(
        f"none of the {len(clips)} dev clips can be scored, to choose weights by ({fault}); dev "
        "clips need vocals and accompaniment that are heard, in mono too"
    )


def dev_scores(
    separator: "Separator", clips: Sequence[tuple[Clip, np.ndarray]]
) -> dict[str, dict[str, float]]:
    """Separate and score clips in this process; no file is written and no process started.

    Args:
        separator: a model, as it stands.
        clips: a few clips, each with its sources `(2, samples)`; one takes about 0.3 s.

    Returns:
        `{"vocals": {"GNSDR", "GSIR", "GSAR"}, "accompaniment": {...}}` in dB, as a report's
        `means`; minus infinity where no clip has scores, so that a model that diverged to NaN or
        silence is never the best.
    """
    means = weighted_means((sources.shape[-1], _score(separator, sources)) for _, sources in clips)
    return {
        stem: {name: -inf if dB is None else dB for name, dB in values.items()}
        for stem, values in means.items()
    }


def _score(separator: "Separator", sources: np.ndarray) -> StemScores:
    try:
        return score_stems(sources, estimate_stems(separator, sources.sum(axis=0)))
    except UndefinedScoreError:
        return undefined_scores()
