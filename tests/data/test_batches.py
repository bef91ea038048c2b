import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasvox.data.batches import TrainingBatches
from kerasvox.errors import DataError, UsageError


def clips(*lengths):
    """Clips of noise: of another level in each source, of another seed in each clip."""
    levels = np.array([[0.3], [0.05]])
    return [
        (levels * np.random.default_rng(index).standard_normal((2, length))).astype(np.float32)
        for index, length in enumerate(lengths)
    ]


def make(sources, **changes):
    arguments = {"batch_size": 4, "samples": 500, "seed": 0, **changes}
    return TrainingBatches(sources, **arguments)


def untouched(sources, **changes):
    """Batches that only cut: no shift, remix or speed, and a level that gives sources power 1."""
    level = 10 * np.log10(2)
    return make(sources, circular_shift=False, remix=0.0, level=(level, level), **changes)


def numbered(index, length):
    """A clip whose samples tell where they were cut from: the clip number and the place in it."""
    return np.tile(index * 1000 + np.arange(1, length + 1, dtype=np.float32), (2, 1))


@pytest.mark.parametrize("speed", [0.0, 0.1])
def test_a_batch_has_its_shape_and_is_finite(speed):
    batch = make(clips(2000, 3000), speed=speed, balance=3.0).batch(7)
    assert batch.shape == (4, 2, 500)
    assert batch.dtype == np.float32
    assert np.isfinite(batch).all()


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), step=st.integers(0, 10**6))
def test_a_batch_depends_on_seed_and_step_alone(seed, step):
    sources = clips(900, 2000)
    batches = make(sources, seed=seed, speed=0.1)
    batches.batch(step + 1)
    expected = make(sources, seed=seed, speed=0.1).batch(step)
    np.testing.assert_array_equal(batches.batch(step), expected)
    assert not np.array_equal(batches.batch(step + 1), expected)
    assert not np.array_equal(make(sources, seed=seed + 1, speed=0.1).batch(step), expected)


def test_a_resumed_stream_goes_on_where_it_stopped():
    batches = make(clips(2000, 3000))
    whole = list(itertools.islice(batches.stream(), 5))
    resumed = list(itertools.islice(batches.stream(start=3), 2))
    assert all(isinstance(item, tuple) and len(item) == 1 for item in whole)
    for (expected,), (found,) in zip(whole[3:], resumed, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_clips_are_left_as_they_are():
    sources = clips(400, 2000)
    copies = [clip.copy() for clip in sources]
    make(sources, speed=0.1).batch(0)
    for clip, copy in zip(sources, copies, strict=True):
        np.testing.assert_array_equal(clip, copy)


def test_sources_have_equal_power_over_the_whole_clip():
    batches = untouched(clips(500), batch_size=1)
    np.testing.assert_allclose(np.mean(batches.batch(0)[0] ** 2, axis=-1), 1, rtol=1e-5)


def test_the_level_of_a_mixture_is_the_one_asked_for():
    batch = make(clips(20000), samples=20000, level=(-20.0, -20.0)).batch(0)
    levels = 10 * np.log10(np.mean(batch.sum(axis=1) ** 2, axis=-1))
    np.testing.assert_allclose(levels, -20, atol=0.3)


def test_without_augmentation_both_sources_come_from_one_place():
    clip = numbered(0, 2000)
    for vocals, accompaniment in untouched([clip], batch_size=32).batch(0):
        np.testing.assert_array_equal(vocals, accompaniment)
        assert (np.diff(vocals) > 0).all(), "the excerpt runs over the clip's end"


def test_excerpts_reach_both_ends_of_a_clip():
    clip = numbered(0, 12)
    batch = untouched([clip], samples=10, batch_size=64).batch(0)
    firsts = batch[:, 0, 0] * np.sqrt(np.mean(np.square(clip[0], dtype=np.float64)))
    assert set(np.round(firsts)) == {1, 2, 3}


def test_circular_shift_moves_the_accompaniment_but_not_the_voice():
    clip = numbered(0, 400)
    batch = make([clip], samples=400, remix=0.0, batch_size=16, level=(0, 0)).batch(0)
    for vocals, accompaniment in batch:
        assert vocals.argmin() == 0
        np.testing.assert_array_equal(np.roll(accompaniment, -accompaniment.argmin()), vocals)
    assert len(set(batch[:, 1].argmin(axis=1))) > 8


@pytest.mark.parametrize(("remix", "expected"), [(0.0, 0.0), (0.5, 0.25), (1.0, 0.5)])
def test_remix_takes_the_accompaniment_from_a_clip_drawn_anew(remix, expected):
    constant = [np.full((2, 50), sign, np.float32) for sign in (1, -1)]
    batch = make(constant, samples=50, batch_size=2000, remix=remix).batch(0)
    different = np.mean(batch[:, 0, 0] * batch[:, 1, 0] < 0)
    assert different == pytest.approx(expected, abs=0.05)


def test_clips_are_drawn_in_proportion_to_their_lengths():
    constant = [np.full((2, length), sign, np.float32) for length, sign in ((3000, 1), (1000, -1))]
    batch = make(constant, samples=10, batch_size=2000).batch(0)
    assert np.mean(batch[:, 0, 0] > 0) == pytest.approx(0.75, abs=0.05)


def test_every_clip_is_drawn_however_short():
    constant = [np.full((2, 1), sign, np.float32) for sign in (1, -1)]
    batch = make(constant, samples=1, batch_size=200).batch(0)
    assert np.mean(batch[:, 0, 0] > 0) == pytest.approx(0.5, abs=0.15)


def test_remixed_sources_have_equal_power_whatever_clips_they_are_from():
    constant = [np.full((2, 50), level, np.float32) for level in (0.01, 0.1, 1)]
    batch = make(constant, samples=50, batch_size=100, remix=1.0).batch(0)
    np.testing.assert_allclose(batch[:, 0], batch[:, 1], rtol=1e-5)


@pytest.mark.parametrize("speed", [0.0, 0.2])
def test_a_short_clip_is_repeated(speed):
    batch = make(clips(1, 7), samples=100, batch_size=8, speed=speed).batch(0)
    assert batch.shape == (8, 2, 100)
    assert np.isfinite(batch).all()


def test_a_short_clip_is_repeated_in_order():
    vocals = untouched([numbered(0, 7)], samples=21, batch_size=1).batch(0)[0, 0]
    np.testing.assert_array_equal(vocals[:14], vocals[7:])
    assert len(set(vocals)) == 7


def test_a_silent_source_stays_silent():
    sources = clips(1000)
    sources[0][0] = 0
    batch = make(sources, speed=0.1).batch(0)
    assert not batch[:, 0].any()
    assert batch[:, 1].any()


@pytest.mark.parametrize("sources", [[], [np.zeros(100)], [np.zeros((100, 2))], [np.zeros((2, 0))]])
def test_unusable_clips_are_refused(sources):
    with pytest.raises(DataError):
        make(sources)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("batch_size", 0),
        ("samples", 0),
        ("seed", -1),
        ("remix", 1.5),
        ("speed", 1.0),
        ("speed", -0.1),
        ("level", (-12.0, -30.0)),
        ("balance", -1.0),
    ],
)
def test_an_argument_out_of_its_range_is_named(argument, value):
    with pytest.raises(UsageError, match=f"{argument} is"):
        make(clips(100), **{argument: value})


def test_weights_say_how_often_a_clip_is_drawn():
    clips = [np.full((2, 1000), value, np.float32) for value in (1.0, -1.0)]
    options = {"batch_size": 400, "samples": 10, "seed": 0, "remix": 0.0, "level": (-3.0, -3.0)}
    batch = TrainingBatches(clips, weights=[3.0, 1.0], **options).batch(0)
    assert np.mean(batch[:, 0, 0] > 0) == pytest.approx(0.75, abs=0.06)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], []])
def test_weights_that_do_not_fit_are_refused(weights):
    clips = [np.ones((2, 100), np.float32)] * 2
    with pytest.raises(UsageError, match="weights"):
        TrainingBatches(clips, batch_size=1, samples=10, seed=0, weights=weights)
