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


@settings(max_examples=25, deadline=None)
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


@settings(max_examples=20, deadline=None)
@given(
    workers=st.sampled_from([1, 2, 3, 4, 6, 12]),
    seed=st.integers(0, 2**32),
    step=st.integers(0, 10**6),
)
def test_the_workers_together_make_the_batch_of_one_process(workers, seed, step):
    batches = make(clips(900, 2000), batch_size=12, seed=seed, speed=0.1, equalization=6.0)
    parts = [next(batches.stream(step, worker, workers))[0] for worker in range(workers)]
    assert {len(part) for part in parts} == {12 // workers}
    np.testing.assert_array_equal(np.concatenate(parts), batches.batch(step))


@pytest.mark.parametrize(
    ("worker", "workers", "named"),
    [(0, 3, "3 workers"), (0, 8, "8 workers"), (2, 2, "worker is 2"), (-1, 2, "worker is -1")],
)
def test_workers_that_do_not_fit_are_refused_at_once(worker, workers, named):
    with pytest.raises(UsageError, match=named):
        make(clips(900)).stream(0, worker, workers)


def test_the_clips_of_a_step_are_those_its_batch_was_cut_from():
    constant = [np.full((2, 50), 1.0 + index, np.float32) for index in range(40)]
    batches = make(constant, samples=50, batch_size=4, remix=0.5)
    for clip in batches._clips:
        clip.unit_gains = np.ones((2, 1))  # so that a level tells the clip
    batches.level = (-3.0103, -3.0103)
    for step in range(5):
        found = np.unique(np.round(batches.batch(step)[:, :, 0] / 0.5)).astype(int) - 1
        assert batches.clips_of(step) == list(found)


def test_a_seed_gives_the_batches_that_it_always_gave():
    constant = [np.full((2, length), 1.0, np.float32) for length in (900, 2000, 30000, 70)]
    batches = make(constant, seed=3, speed=0.6, equalization=10.0, remix=0.7)
    assert [batches.clips_of(step) for step in (0, 1, 77)] == [[1, 2], [0, 2], [1, 2]]
    ramp = make([numbered(0, 5000)], seed=3, remix=0.7, speed=0.0)
    firsts = [[0.0065382, 0.0214607], [0.0108304, 0.0477897]]
    np.testing.assert_allclose(ramp.batch(5)[:2, :, 0], firsts, rtol=1e-5)


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
        ("polarity", 1.1),
        ("channel_swap", -0.1),
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


def stereo(*levels):
    """Clips of which each channel of each source has a level (and so a shape) of its own."""
    ramp = np.arange(1, 41, dtype=np.float32)
    return [np.stack([[ramp**p, ramp**q] for p, q in pairs]) for pairs in levels]


def exponents(batch):
    """Tell from an excerpt, a whole clip of `stereo`, which power of the ramp it is."""
    return np.round(np.log(batch[..., 3] / batch[..., 1]) / np.log(2)).astype(int)


def test_an_example_of_stereo_clips_has_one_channel_drawn_at_random():
    options = {"samples": 40, "batch_size": 60, "circular_shift": False, "remix": 0.0}
    found = exponents(make(stereo(((1, 2), (3, 4))), **options).batch(0))
    assert {tuple(pair) for pair in found.tolist()} == {(1, 3), (2, 4)}


def test_a_channel_swap_parts_the_channels_of_the_sources():
    options = {"samples": 40, "batch_size": 200, "circular_shift": False, "remix": 0.0}
    found = exponents(make(stereo(((1, 2), (3, 4))), channel_swap=0.5, **options).batch(0))
    pairs, counts = np.unique(found, axis=0, return_counts=True)
    assert pairs.tolist() == [[1, 3], [1, 4], [2, 3], [2, 4]]
    assert counts.min() > 25
    always = exponents(make(stereo(((1, 2), (3, 4))), channel_swap=1.0, **options).batch(0))
    assert {tuple(pair) for pair in always.tolist()} == {(1, 3), (2, 4)}


def test_mono_and_stereo_clips_may_be_mixed():
    sources = [*clips(900), np.stack([clips(800)[0], clips(800)[0]], axis=1)]
    batch = make(sources, channel_swap=0.5, speed=0.1).batch(3)
    assert batch.shape == (4, 2, 500)
    assert np.isfinite(batch).all()


def test_polarity_turns_sources_upside_down_by_themselves():
    constant = [np.full((2, 50), 1.0, np.float32)]
    options = {"samples": 50, "batch_size": 400, "level": (-3.0, -3.0)}
    plain = make(constant, **options).batch(0)
    signs = np.sign(make(constant, polarity=0.25, **options).batch(0)[:, :, 0])
    assert np.mean(signs < 0) == pytest.approx(0.25, abs=0.05)
    assert np.mean(signs.prod(axis=1) < 0) == pytest.approx(0.375, abs=0.07)
    turned = make(constant, polarity=1.0, **options).batch(0)
    np.testing.assert_array_equal(turned, -plain)


@pytest.mark.parametrize("changes", [{"polarity": 0.5}, {"speed": 0.1}, {"equalization": 6.0}])
def test_an_augmentation_is_reproducible_and_changes_the_batch(changes):
    sources = clips(900, 2000)
    batch = make(sources, **changes).batch(4)
    np.testing.assert_array_equal(batch, make(sources, **changes).batch(4))
    assert not np.array_equal(batch, make(sources).batch(4))
