import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasvox.evaluation.bss_eval import (
    FILTER_LENGTH,
    UndefinedScoreError,
    _museval_metrics,
    bss_eval,
)


def dB(numerator, denominator):  # noqa: N802
    return 10 * np.log10(np.sum(numerator**2) / np.sum(denominator**2))


def apart(random, *spans):
    """Signals with over 512 zeros between them: orthogonal whatever the filters do."""
    signals = np.zeros((len(spans), 9000))
    for signal, (start, stop) in zip(signals, spans, strict=True):
        signal[start:stop] = random.standard_normal(stop - start)
    return signals


def test_known_ratios_of_orthogonal_parts():
    first, second, noise = apart(np.random.default_rng(0), (0, 2000), (3000, 5000), (6000, 8000))
    estimate = first + 0.3 * second + 0.05 * noise
    other = second - 0.2 * first + 0.4 * noise
    scores = bss_eval(np.stack([first, second]), np.stack([estimate, other]))
    np.testing.assert_allclose(
        scores.sdr,
        [dB(first, 0.3 * second + 0.05 * noise), dB(second, 0.2 * first + 0.4 * noise)],
        atol=1e-6,
    )
    np.testing.assert_allclose(
        scores.sir, [dB(first, 0.3 * second), dB(second, 0.2 * first)], atol=1e-6
    )
    np.testing.assert_allclose(
        scores.sar,
        [dB(first + 0.3 * second, 0.05 * noise), dB(second - 0.2 * first, 0.4 * noise)],
        atol=1e-6,
    )


def test_a_filter_of_512_taps_is_no_distortion_and_a_longer_delay_is(sources):
    sources[:, -600:] = 0  # room for the filter's tail
    taps = np.random.default_rng(2).standard_normal(FILTER_LENGTH)
    filtered = np.stack([np.convolve(source, taps)[: sources.shape[1]] for source in sources])
    assert bss_eval(sources, filtered).sdr.min() > 100
    assert bss_eval(sources, np.roll(sources, FILTER_LENGTH, axis=1)).sdr.max() < 0


def test_equals_direct_least_squares(monkeypatch):
    taps = 64  # the delayed sources as one dense matrix: small enough to solve as it stands
    monkeypatch.setattr("kerasvox.evaluation.bss_eval.FILTER_LENGTH", taps)
    random = np.random.default_rng(3)
    sources = random.standard_normal((2, 400))
    estimates = sources + 0.4 * sources[::-1] + 0.2 * random.standard_normal((2, 400))
    padded = np.pad(sources, ((0, 0), (0, taps - 1)))
    delayed = [np.stack([np.roll(s, d) for d in range(taps)], axis=1) for s in padded]
    scores = bss_eval(sources, estimates)
    for j, estimate in enumerate(np.pad(estimates, ((0, 0), (0, taps - 1)))):
        target = delayed[j] @ np.linalg.lstsq(delayed[j], estimate)[0]
        both = np.hstack(delayed)
        explained = both @ np.linalg.lstsq(both, estimate)[0]
        assert scores.sdr[j] == pytest.approx(dB(target, estimate - target), abs=1e-6)
        assert scores.sir[j] == pytest.approx(dB(target, explained - target), abs=1e-6)
        assert scores.sar[j] == pytest.approx(dB(explained, estimate - explained), abs=1e-6)


@settings(max_examples=5, deadline=None)
@given(
    gain=st.floats(1e-3, 1e3),
    sign=st.sampled_from([-1, 1]),
    leak=st.floats(0.05, 0.9),
)
def test_the_level_of_an_estimate_does_not_matter(gain, sign, leak):
    random = np.random.default_rng(4)
    sources = random.standard_normal((2, 1500))
    estimates = sources + leak * sources[::-1] + 0.1 * random.standard_normal((2, 1500))
    np.testing.assert_allclose(
        bss_eval(sources, sign * gain * estimates), bss_eval(sources, estimates), atol=1e-5
    )


@pytest.mark.parametrize("shorter", ["sources", "estimates"])
def test_both_are_cut_to_the_shorter(sources, shorter):
    estimates = sources + 0.1 * sources[::-1]
    cut = bss_eval(sources[:, :3000], estimates[:, :3000])
    if shorter == "sources":
        found = bss_eval(sources[:, :3000], estimates)
    else:
        found = bss_eval(sources, estimates[:, :3000])
    np.testing.assert_array_equal(found, cut)


def test_float32_is_computed_in_float64(sources):
    sources = sources.astype("float32")
    estimates = (sources + 0.1 * sources[::-1]).astype("float32")
    found = bss_eval(sources, estimates)
    np.testing.assert_array_equal(found, bss_eval(sources.astype(float), estimates.astype(float)))
    assert found.sdr.dtype == "float64"


def test_equal_sources_have_scores_though_their_matrix_is_singular():
    sources = np.zeros((2, 2048))
    sources[:, 0] = 2
    estimates = sources.copy()
    estimates[0, 700], estimates[1, 900] = 0.5, 0.3
    expected = [dB(2.0, 0.5), dB(2.0, 0.3)]  # what lies beyond the filter is no source's
    np.testing.assert_allclose(bss_eval(sources, estimates).sdr, expected)


def test_an_interrupt_of_the_metric_passes(sources, monkeypatch):
    def interrupted(*matrices):
        raise KeyboardInterrupt

    monkeypatch.setattr(_museval_metrics().np.linalg, "solve", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bss_eval(sources, sources + 0.1 * sources[::-1])
    assert np.linalg.solve is not interrupted  # numpy itself is left as it is


@pytest.mark.parametrize(
    ("kind", "index", "value", "message"),
    [
        ("sources", 0, 0.0, "the source of vocals is silent"),
        ("sources", 1, 0.0, "the source of accompaniment is silent"),
        ("estimates", 1, 0.0, "the estimate of accompaniment is silent"),
        ("estimates", 0, np.nan, "the estimate of vocals is not finite"),
        ("estimates", 0, np.inf, "the estimate of vocals is not finite"),
    ],
)
def test_undefined_scores_say_why(sources, kind, index, value, message):
    signals = {"sources": sources, "estimates": sources + 0.1 * sources[::-1]}
    signals[kind][index] = value
    with pytest.raises(UndefinedScoreError, match=message):
        bss_eval(**signals)


@pytest.mark.parametrize("samples", [0, 1, 1023])
def test_too_short_clips_are_undefined(sources, samples):
    with pytest.raises(UndefinedScoreError, match=f"{samples} samples are fewer than 1024"):
        bss_eval(sources[:, :samples], sources[:, :samples])


def test_the_package_that_demands_ffmpeg_is_not_imported(sources):
    bss_eval(sources, sources + 0.1 * sources[::-1])
    assert "museval" not in sys.modules
