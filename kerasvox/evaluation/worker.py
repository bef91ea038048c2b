"""The child's side of an evaluation: separate one clip, score it, send the numbers back."""

import multiprocessing
import os
import signal
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasvox.backend import start_backend
from kerasvox.data.clip import STEMS, Clip
from kerasvox.errors import DataError
from kerasvox.evaluation.bss_eval import UndefinedScoreError
from kerasvox.evaluation.oracle import MASKS, oracle_estimates
from kerasvox.evaluation.perceptual import perceptual_scores
from kerasvox.evaluation.scores import StemScores, baseline_sdr, score_stems, undefined_scores

if TYPE_CHECKING:
    from kerasvox.models.separator import Separator

# Of dB, PESQ and STOI; far below what any comparison can mean, and the reports stay readable.
DECIMALS = 4


def prepare() -> None:
    """Leave Ctrl-C to the parent, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def score_clip(
    preset: Path, clip: Clip, baselines: bool, perceptual: bool = False
) -> dict[str, Any]:
    """Separate and score one clip.

    Args:
        preset: the folder of the preset; it is loaded once a process.
        clip: the clip.
        baselines: whether to score the mixture and the oracle masks as well.
        perceptual: whether to compute PESQ and STOI of the vocals as well.

    Returns:
        `{"clip", "samples", "scores": {method: scores}, "undefined": {method: reason}}`, or
        `{"clip", "error"}` if the clip cannot be read. Perceptual metrics stand among the scores of
        the vocals; `"undefined_perceptual": {method: {metric: reason}}` names those without value.
    """
    separator = _load(preset)
    try:
        sources = clip.sources(separator.sample_rate)
    except DataError as error:
        # A report travels: it names the file, not the place where it lay.
        return {"clip": clip.name, "error": str(error).replace(str(clip.path), clip.path.name)}
    mixture = sources.sum(axis=0)
    estimates = {"separator": estimate_stems(separator, mixture)}
    if baselines:
        estimates["mixture"] = np.stack([mixture] * len(STEMS))
        estimates |= {f"oracle {mask}": oracle_estimates(sources, mask) for mask in MASKS}
    row: dict[str, Any] = {"clip": clip.name, "samples": len(mixture), "scores": {}}
    row["undefined"] = {}
    if perceptual:
        row["undefined_perceptual"] = {}
    baseline = None
    for method, stems in estimates.items():
        try:
            baseline = baseline_sdr(sources) if baseline is None else baseline
            scores = score_stems(sources, stems, baseline)
        except UndefinedScoreError as error:
            scores = undefined_scores()
            row["undefined"][method] = str(error)
        if perceptual:
            vocals = perceptual_scores(sources[0], stems[0], separator.sample_rate)
            scores[STEMS[0]] |= vocals.values
            row["undefined_perceptual"][method] = vocals.undefined
        row["scores"][method] = _rounded(scores)
    return row


def estimate_stems(separator: "Separator", mixture: np.ndarray) -> np.ndarray:
    """Separate a mixture `(samples,)` as a whole; float32 `(2, samples)`."""
    stems = separator.predict_on_batch(mixture[None])
    return np.stack([np.asarray(stems[stem][0]) for stem in STEMS])


@cache
def _load(preset: Path) -> "Separator":
    """Load the preset, and have its graph traced for signals of every length.

    Keras traces a graph for the first length and one for any length when it meets a second one.
    With both behind it every process runs the same graph, whichever clips it gets, so the scores
    do not depend on the number of processes.
    """
    start_backend()
    from kerasvox.models.separator import Separator

    separator = Separator.from_preset(preset)
    for blocks in (8, 9):
        separator.predict_on_batch(np.zeros((1, blocks * separator.alignment), "float32"))
    return separator


def _rounded(scores: StemScores) -> StemScores:
    # Adding zero turns -0.0 into 0.0.
    return {
        stem: {
            metric: None if value is None else round(value, DECIMALS) + 0.0
            for metric, value in row.items()
        }
        for stem, row in scores.items()
    }


def _follow(parent: Any) -> None:
    parent.join()
    os._exit(1)
