import math

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasvox.audio.resampler import Resampler, resample

RATES = st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])


def noise(samples, channels=2):
    return np.random.default_rng(samples).standard_normal((channels, samples)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(RATES, RATES, st.integers(0, 5000), st.integers(1, 3000), st.integers(1, 3))
def test_length_is_rounded_up_and_blocks_do_not_matter(start, end, samples, size, channels):
    waveform = noise(samples, channels)
    resampler = Resampler(channels, start, end)
    blocks = [resampler.push(waveform[:, at : at + size]) for at in range(0, samples, size)]
    streamed = np.concatenate([*blocks, resampler.flush()], axis=1)
    assert streamed.shape == (channels, math.ceil(samples * end / start))
    assert streamed.dtype == np.float32
    np.testing.assert_allclose(streamed, resample(waveform, start, end), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(RATES, st.integers(0, 3000))
def test_there_and_back_is_never_too_short(rate, samples):
    back = resample(resample(noise(samples), rate, 16000), 16000, rate)
    assert samples <= back.shape[1]


def test_equal_rates_pass_untouched():
    waveform = noise(1000)
    resampler = Resampler(2, 44100, 44100)
    assert resampler.push(waveform) is waveform
    assert resampler.flush().shape == (2, 0)


def test_equals_soxr():
    waveform = noise(44100)
    expected = soxr.resample(waveform.T, 44100, 16000, quality="HQ").T
    np.testing.assert_allclose(resample(waveform, 44100, 16000), expected, atol=1e-5)


@pytest.mark.parametrize(("start", "end"), [(44100, 16000), (16000, 44100), (192000, 16000)])
def test_there_is_no_delay(start, end):
    def tone(rate):
        return np.sin(2 * np.pi * 440 * np.arange(rate) / rate)[None].astype(np.float32)

    inner = slice(end // 10, -end // 10)
    found, expected = resample(tone(start), start, end), tone(end)
    np.testing.assert_allclose(found[:, inner], expected[:, inner], atol=1e-3)
