import numpy as np
import pytest

from kerasvox.evaluation.bss_eval import UndefinedScoreError, bss_eval
from kerasvox.evaluation.scores import (
    baseline_sdr,
    score_stems,
    undefined_scores,
    weighted_means,
)


def stem_scores(nsdr, sir, sar):
    return {"NSDR": nsdr, "SDR": nsdr, "SIR": sir, "SAR": sar}


def test_the_baseline_is_the_sdr_of_the_mixture_against_both_sources(sources):
    mixture = sources.sum(axis=0)
    joint = bss_eval(sources, np.stack([mixture, mixture])).sdr
    np.testing.assert_allclose(baseline_sdr(sources), joint, atol=1e-8)


def test_nsdr_is_the_gain_over_the_mixture(sources):
    estimates = sources + 0.1 * sources[::-1]
    scores = score_stems(sources, estimates)
    ratios, baseline = bss_eval(sources, estimates), baseline_sdr(sources)
    for index, stem in enumerate(("vocals", "accompaniment")):
        assert scores[stem]["NSDR"] == ratios.sdr[index] - baseline[index]
        assert scores[stem]["SDR"] == ratios.sdr[index]
        assert scores[stem]["SIR"] == ratios.sir[index]
        assert scores[stem]["SAR"] == ratios.sar[index]
    assert score_stems(sources, estimates, baseline) == scores


def test_the_mixture_gains_nothing(sources):
    scores = score_stems(sources, np.stack([sources.sum(axis=0)] * 2))
    assert scores["vocals"]["NSDR"] == pytest.approx(0, abs=1e-8)
    assert scores["accompaniment"]["NSDR"] == pytest.approx(0, abs=1e-8)


def test_a_shorter_estimate_is_compared_with_the_baseline_of_the_whole_clip(sources):
    estimates = (sources + 0.1 * sources[::-1])[:, :-1]
    scores = score_stems(sources, estimates)
    sdr = bss_eval(sources[:, :-1], estimates).sdr[0]
    assert scores["vocals"]["NSDR"] == sdr - baseline_sdr(sources)[0]


@pytest.mark.parametrize(("index", "stem"), [(0, "vocals"), (1, "accompaniment")])
def test_a_silent_source_is_named_by_the_baseline_too(sources, index, stem):
    sources[index] = 0
    with pytest.raises(UndefinedScoreError, match=f"source of {stem} is silent"):
        baseline_sdr(sources)


def test_means_are_weighted_by_length():
    clips = [
        (100, {"vocals": stem_scores(8.0, 10.0, 12.0), "accompaniment": stem_scores(1, 2, 3)}),
        (300, {"vocals": stem_scores(4.0, 20.0, 8.0), "accompaniment": stem_scores(5, 6, 7)}),
        (900, undefined_scores()),
    ]
    assert weighted_means(clips) == {
        "vocals": {"GNSDR": 5.0, "GSIR": 17.5, "GSAR": 9.0},
        "accompaniment": {"GNSDR": 4.0, "GSIR": 5.0, "GSAR": 6.0},
    }


@pytest.mark.parametrize("clips", [[], [(10, undefined_scores())]])
def test_means_of_nothing_are_none(clips):
    nothing = {"GNSDR": None, "GSIR": None, "GSAR": None}
    assert weighted_means(clips) == {"vocals": nothing, "accompaniment": nothing}
