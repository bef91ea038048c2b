import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasvox.data.augmentation import (
    draw_equalizer,
    draw_gains,
    draw_shift,
    draw_speed,
    equalize,
    excerpt,
    unit_gains,
)

SEEDS = st.integers(0, 2**32)


def noise(samples, seed=0):
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def tone(frequency, samples, rate=16000):
    return np.sin(2 * np.pi * frequency / rate * np.arange(samples)).astype(np.float32)


def dominant_frequency(signal, rate=16000):
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal))))
    return np.argmax(spectrum) * rate / len(signal)


@given(length=st.integers(1, 300), seed=SEEDS)
def test_a_shifted_excerpt_is_a_rotation(length, seed):
    signal = np.arange(length, dtype=np.float32)
    shift = draw_shift(length, np.random.default_rng(seed))
    np.testing.assert_array_equal(excerpt(signal, -shift, length), np.roll(signal, shift))


def test_circular_shift_reaches_every_offset():
    generator = np.random.default_rng(0)
    assert {draw_shift(5, generator) for _ in range(200)} == set(range(5))


@given(
    length=st.integers(1, 50),
    start=st.integers(-200, 200),
    samples=st.integers(0, 200),
)
def test_excerpt_reads_around_the_end_as_often_as_needed(length, start, samples):
    signal = noise(length)
    expected = signal[(start + np.arange(samples)) % length]
    np.testing.assert_array_equal(excerpt(signal, start, samples), expected)


@given(
    length=st.integers(1, 5000),
    start=st.integers(0, 5000),
    samples=st.integers(1, 3000),
    speed=st.floats(0.5, 2.0),
)
def test_excerpt_keeps_its_length_at_every_speed(length, start, samples, speed):
    played = excerpt(noise(length), start, samples, speed)
    assert played.shape == (samples,)
    assert played.dtype == np.float32
    assert np.isfinite(played).all()


@pytest.mark.parametrize("speed", [0.8, 0.97, 1.06, 1.25])
def test_speed_changes_the_pitch_and_keeps_the_level(speed):
    played = excerpt(tone(1000, 40000), 1000, 16000, speed)
    assert dominant_frequency(played) == pytest.approx(1000 * speed, abs=1)
    assert np.std(played) == pytest.approx(np.sqrt(0.5), rel=1e-3)
    assert np.abs(played[:100]).max() == pytest.approx(1, abs=0.02), "the filter's edge shows"


def test_a_slower_excerpt_is_the_stretch_between_its_samples():
    played = excerpt(tone(517, 40000), 1000, 8000, 0.5)
    expected = np.sin(2 * np.pi * 517 / 16000 * (1000 + 0.5 * np.arange(8000)))
    np.testing.assert_allclose(played, expected, atol=1e-3)


def test_speeds_are_log_uniform_within_their_limit():
    generator = np.random.default_rng(0)
    logs = np.log([draw_speed(0.25, generator) for _ in range(4000)]) / np.log(1.25)
    assert np.abs(logs).max() <= 1
    np.testing.assert_allclose(np.quantile(logs, [0.25, 0.5, 0.75]), [-0.5, 0, 0.5], atol=0.05)
    assert draw_speed(0.0, generator) == 1.0


@given(levels=st.tuples(st.floats(1e-4, 1), st.floats(1e-4, 1)), seed=SEEDS)
def test_unit_gains_give_every_source_a_power_of_one(levels, seed):
    sources = noise((2, 1000), seed) * np.array(levels, np.float32)[:, np.newaxis]
    scaled = sources * unit_gains(sources)[:, np.newaxis]
    np.testing.assert_allclose(np.mean(scaled**2, axis=-1), 1, rtol=1e-5)


def test_unit_gain_of_a_silent_source_is_zero():
    sources = np.stack([np.zeros(10), np.full(10, 0.5)]).astype(np.float32)
    np.testing.assert_allclose(unit_gains(sources), [0, 2])


@given(
    low=st.floats(-60, 0),
    width=st.floats(0, 30),
    balance=st.floats(0, 20),
    seed=SEEDS,
)
def test_gains_keep_to_the_levels_and_the_balance(low, width, balance, seed):
    gains = draw_gains((low, low + width), balance, np.random.default_rng(seed))
    level = 10 * np.log10(np.sum(gains**2))
    assert low - 1e-6 <= level <= low + width + 1e-6
    assert abs(20 * np.log10(gains[0] / gains[1])) <= balance + 1e-6


def test_gains_without_balance_leave_a_mixture_at_zero_db():
    vocals, accompaniment = draw_gains((-30.0, -12.0), 0.0, np.random.default_rng(1))
    assert vocals == pytest.approx(accompaniment)


def test_balance_favours_neither_source():
    generator = np.random.default_rng(0)
    gains = np.array([draw_gains((-20.0, -20.0), 6.0, generator) for _ in range(2000)])
    differences = 20 * np.log10(gains[:, 0] / gains[:, 1])
    assert differences.mean() == pytest.approx(0, abs=0.3)
    assert differences.max() > 5.5
    assert differences.min() < -5.5


@given(samples=st.integers(1, 3000), limit=st.floats(0.1, 20), seed=SEEDS)
def test_equalizing_keeps_power_length_and_type(samples, limit, seed):
    signal = noise((samples,), seed)
    coloured = equalize(signal, draw_equalizer(limit, np.random.default_rng(seed)))
    assert coloured.shape == signal.shape
    assert coloured.dtype == np.float32
    assert np.sum(coloured**2) == pytest.approx(np.sum(signal**2), rel=1e-4)


def test_equalizing_changes_colour_within_the_limit():
    signal = noise((16000,), 0)
    coloured = equalize(signal, draw_equalizer(10.0, np.random.default_rng(1)))
    gain = 20 * np.log10(np.abs(np.fft.rfft(coloured)) / np.abs(np.fft.rfft(signal)))
    gain = gain[100:-100]
    assert 5 < gain.max() - gain.min() <= 20.01
    assert np.abs(np.diff(gain)).max() < 0.5  # smooth: no bin stands out from its neighbours


def test_equalizing_by_nothing_or_silence_changes_nothing():
    signal, silence = noise((100,), 0), np.zeros(100, np.float32)
    generator = np.random.default_rng(0)
    assert equalize(signal, draw_equalizer(0.0, generator)) is signal
    gains = draw_equalizer(10.0, generator)
    np.testing.assert_array_equal(equalize(silence, gains), silence)
