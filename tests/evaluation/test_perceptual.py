import sys

import numpy as np
import pytest

from kerasvox.audio.resampler import resample
from kerasvox.errors import UsageError
from kerasvox.evaluation.perceptual import METRICS, RATE, perceptual_scores

pytest.importorskip("pesq", reason="needs the extra 'perceptual'")
pytest.importorskip("pystoi", reason="needs the extra 'perceptual'")

BEST = {"PESQ-NB": 4.5486, "PESQ-WB": 4.6439, "STOI": 1.0}


def voice(seconds: float, rate: int = RATE) -> np.ndarray:
    """A gliding tone with overtones up to 4 kHz, in syllables of 0.3 s, float32."""
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(200 + 60 * np.sin(2 * np.pi * 0.7 * time)) / rate
    tone = sum(np.sin(k * phase) / k for k in range(1, 16))
    return (0.1 * tone * (np.sin(2 * np.pi * time / 0.6) > 0)).astype("float32")


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(samples).astype("float32")


def test_a_perfect_estimate_has_the_best_scores():
    scores = perceptual_scores(voice(3), voice(3), RATE)
    assert scores.values == pytest.approx(BEST, abs=1e-4)
    assert scores.undefined == {}


def test_more_noise_is_worse():
    source = voice(3)
    found = [
        perceptual_scores(source, source + level * noise(len(source)), RATE).values
        for level in (0.0, 0.0005, 0.005, 0.05)
    ]
    for metric in METRICS:
        values = [scores[metric] for scores in found]
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == 4


def test_the_level_of_an_estimate_does_not_matter():
    source = voice(3)
    estimate = source + 0.005 * noise(len(source))
    scores = perceptual_scores(source, estimate, RATE).values
    assert perceptual_scores(source, 0.3 * estimate, RATE).values == pytest.approx(scores, abs=1e-2)


def test_another_rate_gives_nearly_the_same_scores():
    source, estimate = voice(3), voice(3) + 0.005 * noise(3 * RATE)
    expected = perceptual_scores(source, estimate, RATE).values
    source, estimate = resample(np.stack([source, estimate]), RATE, 44100)
    found = perceptual_scores(source, estimate, 44100).values
    assert found == pytest.approx(expected, abs=0.05)
    assert all(expected[metric] < BEST[metric] - 0.005 for metric in METRICS)
    assert perceptual_scores(source, source, 44100).values == pytest.approx(BEST, abs=1e-4)


def test_a_shorter_estimate_is_compared_with_as_much_of_the_source():
    source = voice(3)
    estimate = source[: 2 * RATE] + 0.005 * noise(2 * RATE)
    expected = perceptual_scores(source[: 2 * RATE], estimate, RATE)
    assert perceptual_scores(source, estimate, RATE) == expected


@pytest.mark.parametrize("kind", ["source", "estimate"])
@pytest.mark.parametrize(("value", "reason"), [(0, "silent"), (np.nan, "not finite")])
def test_silent_or_broken_signals_have_no_scores(kind, value, reason):
    signals = {"source": voice(1), "estimate": voice(1)}
    signals[kind][:] = value
    scores = perceptual_scores(signals["source"], signals["estimate"], RATE)
    assert scores.values == dict.fromkeys(METRICS)
    assert scores.undefined == dict.fromkeys(METRICS, f"the {kind} of vocals is {reason}")


@pytest.mark.parametrize(
    ("samples", "defined"),
    [
        (0, []),
        (1, []),
        (3999, []),
        (4000, ["PESQ-NB", "PESQ-WB"]),
        (6553, ["PESQ-NB", "PESQ-WB"]),
        (6554, list(METRICS)),
        (19 * RATE, list(METRICS)),
        (19 * RATE + 1, ["STOI"]),
    ],
)
def test_how_long_a_signal_must_be_for_each_metric(samples, defined):
    signal = noise(samples)
    scores = perceptual_scores(signal, signal, RATE)
    assert [metric for metric, value in scores.values.items() if value is not None] == defined
    assert {*scores.undefined, *defined} == set(METRICS)


def test_bursts_that_overflow_the_code_of_pesq_are_kept_from_it():
    samples = 30 * RATE
    source = noise(samples) * (np.arange(samples) % (0.42 * RATE) < 0.21 * RATE)
    scores = perceptual_scores(source, source, RATE)
    assert scores.undefined == dict.fromkeys(METRICS[:2], "30.0 s are longer than PESQ's 19 s")


def test_a_burst_in_silence_has_no_scores():
    source = np.zeros(2 * RATE, "float32")
    source[RATE : RATE + 1000] = noise(1000)
    scores = perceptual_scores(source, source + 1e-4 * noise(2 * RATE), RATE)
    assert scores.values == dict.fromkeys(METRICS)
    assert scores.undefined["PESQ-NB"] == "PESQ detects no utterance"
    assert scores.undefined["STOI"].startswith("without silence the vocals are shorter")


def test_what_is_no_number_is_no_score():
    scores = perceptual_scores(noise(RATE), 1e-30 * noise(RATE), RATE)
    assert scores.undefined == dict.fromkeys(METRICS[:2], "PESQ is nan")


def test_channels_are_refused():
    with pytest.raises(UsageError, match=r"shape \(samples,\); received \(2, 16000\)"):
        perceptual_scores(noise(RATE), np.ones((2, RATE)), RATE)


@pytest.mark.parametrize("package", ["pesq", "pystoi"])
def test_a_missing_package_is_named_with_the_cure(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=rf"pip install pesq pystoi \(.*{package}") as error:
        perceptual_scores(voice(1), voice(1), RATE)
    assert "\n" not in str(error.value)
