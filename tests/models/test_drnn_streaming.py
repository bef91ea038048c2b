"""What a stream gives equals what the separator makes of the whole song."""

import keras
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from kerasvox.errors import UsageError
from kerasvox.models.drnn.deep_recurrent_stack import DeepRecurrentStack
from kerasvox.models.drnn.separator import DRNNSeparator
from kerasvox.models.drnn.separator_stream import SeparatorStream
from kerasvox.models.separator import Separator
from kerasvox.models.spectrogram_fusion.two_head_separator import TwoHeadSeparator


def small_separator(**arguments) -> DRNNSeparator:
    """A small model with biases: one that would notice frames that are not there."""
    separator = DRNNSeparator(**{"units": 12, "n_fft": 64, "hop": 32, **arguments})
    separator.build()
    rng = np.random.default_rng(0)
    for dense in [*separator.stack.hidden, separator.stack.output_layer]:
        dense.bias.assign(rng.normal(0, 0.3, dense.bias.shape))
    return separator


SMALL = small_separator()


def song(samples: int, batch: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.3, (batch, samples)).astype("float32")


def streamed(separator: DRNNSeparator, waveform: np.ndarray, sizes: list[int]) -> dict:
    """Push the waveform in blocks of these sizes, over and over; return what comes out."""
    stream = separator.stream(len(waveform))
    pieces, start = [], 0
    while start < waveform.shape[1]:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(stream.push(waveform[:, start : start + size]))
        start += size
    pieces.append(stream.flush())
    return {stem: np.concatenate([piece[stem] for piece in pieces], axis=1) for stem in pieces[0]}


def assert_equals_offline(separator: DRNNSeparator, waveform: np.ndarray, sizes: list[int]):
    stems = streamed(separator, waveform, sizes)
    offline = separator(waveform)
    assert list(stems) == ["vocals", "accompaniment"]
    for stem, wave in stems.items():
        assert wave.shape == waveform.shape
        assert wave.dtype == "float32"
        np.testing.assert_allclose(wave, offline[stem], atol=1e-5)
    np.testing.assert_allclose(sum(stems.values()), waveform, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(
    samples=st.integers(0, 500),
    sizes=st.lists(st.integers(0, 150), min_size=1, max_size=6).filter(any),
    batch=st.integers(1, 2),
)
def test_any_chunking_equals_the_whole_song(samples, sizes, batch):
    assert_equals_offline(SMALL, song(samples, batch), sizes)


@pytest.mark.parametrize(
    ("recurrent_layers", "context", "n_fft", "window"),
    [
        ((), 3, 64, "sine"),
        ((), 1, 128, "hann"),
        ((2,), 5, 64, "sine"),
        ((1, 2, 3), 3, 64, "sine"),
        ((1, 2, 3), 5, 128, "hamming"),
        ((1, 3), 3, 32, "hamming"),  # frames that do not overlap
        ((2,), 1, 32, "hamming"),  # nor have neighbours: no delay at all
    ],
)
def test_any_architecture_equals_the_whole_song(recurrent_layers, context, n_fft, window):
    separator = small_separator(
        recurrent_layers=recurrent_layers, context=context, n_fft=n_fft, window=window
    )
    assert separator.streaming_delay == n_fft - 32 + context // 2 * 32
    for samples in (1, 64, 205):
        assert_equals_offline(separator, song(samples, batch=2), [50, 7, 0, 100])


def test_a_long_push_equals_the_whole_song():
    assert_equals_offline(SMALL, song(70 * 32 + 5), [10**6])


def test_silence_stays_silence():
    for wave in streamed(SMALL, np.zeros((1, 500), "float32"), [70]).values():
        np.testing.assert_array_equal(wave, np.zeros((1, 500)))


def test_a_sample_comes_out_after_the_delay_and_its_hop():
    stream = SMALL.stream()
    assert stream.delay == SMALL.streaming_delay == 64
    out = [stream.push(song(1))["vocals"].shape[1] for _ in range(4 * 32)]
    assert [number + 1 for number, count in enumerate(out) if count] == [64 + 32, 64 + 64]
    assert stream.flush()["vocals"].shape == (1, 64)
    assert DRNNSeparator().streaming_delay == 1024


def test_a_caller_may_use_its_buffer_again():
    waveform, buffer = song(100), np.empty((1, 10), "float32")
    stream, pieces = SMALL.stream(), []
    for start in range(0, 100, 10):
        buffer[:] = waveform[:, start : start + 10]
        pieces.append(stream.push(buffer)["vocals"])
    vocals = np.concatenate([*pieces, stream.flush()["vocals"]], axis=1)
    np.testing.assert_allclose(vocals, SMALL(waveform)["vocals"], atol=1e-5)


def test_rows_start_and_end_by_themselves():
    """Servers put steps of several clients into one batch."""
    first, second = song(5 * 32, seed=1), song(3 * 32, seed=2)
    end, delay = np.zeros((1, 64), "float32"), SMALL.streaming_delay
    alone = {}
    for name, waveform in (("first", first), ("second", second)):
        stems, state = SMALL.streaming_step(waveform, SMALL.streaming_state())
        rest, _ = SMALL.streaming_step(end, state, np.ones(1, "float32"))
        alone[name] = np.concatenate([stems["vocals"], rest["vocals"]], axis=1)
        offline = SMALL(waveform)["vocals"]
        np.testing.assert_allclose(alone[name][:, delay:], offline, atol=1e-5)

    _, state = SMALL.streaming_step(first[:, :64], SMALL.streaming_state())
    both = {
        name: np.concatenate([state[name], zeros])
        for name, zeros in SMALL.streaming_state().items()
    }
    stems, both = SMALL.streaming_step(np.concatenate([first[:, 64:], second]), both)
    np.testing.assert_allclose(stems["vocals"][0], alone["first"][0, 64 : 5 * 32], atol=1e-5)
    np.testing.assert_allclose(stems["vocals"][1], alone["second"][0, : 3 * 32], atol=1e-5)
    more = np.concatenate([end, song(64)])
    stems, _ = SMALL.streaming_step(more, both, np.array([1.0, 0.0], "float32"))
    np.testing.assert_allclose(stems["vocals"][0], alone["first"][0, 5 * 32 :], atol=1e-5)
    with_more = SMALL(np.concatenate([second, song(64)], axis=1))["vocals"]
    np.testing.assert_allclose(stems["vocals"][1], with_more[0, 32 : 3 * 32], atol=1e-5)


def test_a_step_traced_with_unknown_sizes_equals_the_eager_one():
    tf = pytest.importorskip("tensorflow")
    zeros = SMALL.streaming_state(2)
    traced = tf.function(
        SMALL.streaming_step,
        input_signature=[
            tf.TensorSpec([None, None]),
            {name: tf.TensorSpec([None, *value.shape[1:]]) for name, value in zeros.items()},
            tf.TensorSpec([None]),
        ],
    )
    for batch in (1, 2):
        state = SMALL.streaming_state(batch)
        for hops, end in ((1, 0.0), (4, 0.0), (1, 0.0), (2, 1.0)):
            inputs = song(hops * 32, batch), state, np.full(batch, end, "float32")
            stems, state = SMALL.streaming_step(*inputs)
            for ours, theirs in zip((stems, state), traced(*inputs), strict=True):
                assert set(ours) == set(theirs)
                for name in ours:
                    np.testing.assert_allclose(ours[name], theirs[name], atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_states_are_float32_and_keep_their_shapes(policy):
    keras.config.set_dtype_policy(policy)
    try:
        separator = small_separator(recurrent_layers=(1, 3))
        before = separator.streaming_state(2)
        _, after = separator.streaming_step(song(64, batch=2), before)
    finally:
        keras.config.set_dtype_policy("float32")
    assert set(after) == set(before)
    assert {"state_recurrence_1", "state_recurrence_3"} < set(before)
    for name, value in before.items():
        assert name.startswith("state_")
        assert value.dtype == "float32"
        assert value.size
        assert not value.any()
        assert keras.backend.standardize_dtype(after[name].dtype) == "float32"
        assert tuple(after[name].shape) == value.shape


def test_a_stack_goes_on_where_it_stopped():
    frames = np.random.default_rng(0).normal(size=(2, 7, 4)).astype("float32")
    stack = DeepRecurrentStack(6, units=5, recurrent_layers=(1, 3))
    expected = ops.convert_to_numpy(stack(frames))
    states = [np.zeros((2, 5), "float32")] * 2
    early, states = stack.resume(frames[:, :3], states)
    late, _ = stack.resume(frames[:, 3:], states)
    np.testing.assert_allclose(np.concatenate([early, late], axis=1), expected, atol=1e-6)


def test_a_separator_with_a_stream_is_saved_and_loaded(tmp_path):
    separator = small_separator()
    expected = streamed(separator, song(200), [64])["vocals"]
    separator.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(streamed(twin, song(200), [64])["vocals"], expected, atol=1e-6)


def test_only_a_causal_separator_can_stream():
    assert DRNNSeparator.can_stream
    assert not Separator.can_stream
    assert not TwoHeadSeparator.can_stream


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(10, "float32"), r"of shape \(1, n\); received \(10,\)"),
        (np.zeros((2, 10), "float32"), r"of shape \(1, n\); received \(2, 10\)"),
        (np.zeros((1, 10), "int16"), "takes floats, full scale at 1; received int16"),
        (np.full((1, 10), np.nan, "float32"), r"shape \(1, 10\) are not all finite"),
        (np.full((1, 10), 1e300), r"shape \(1, 10\) are not all finite"),
    ],
)
def test_bad_samples_are_named_and_leave_the_stream_as_it_is(samples, message):
    stream = SMALL.stream()
    before = stream.push(song(100))["vocals"]
    with pytest.raises(UsageError, match=message):
        stream.push(samples)
    vocals = np.concatenate([before, stream.flush()["vocals"]], axis=1)
    np.testing.assert_allclose(vocals, SMALL(song(100))["vocals"], atol=1e-5)


def test_a_flushed_stream_has_ended():
    stream = SMALL.stream()
    stream.flush()
    with pytest.raises(UsageError, match="has been flushed"):
        stream.push(song(10))
    with pytest.raises(UsageError, match="has been flushed"):
        stream.flush()


def test_a_stream_has_a_batch():
    with pytest.raises(UsageError, match="batch=0"):
        SMALL.stream(batch=0)


@pytest.mark.parametrize(
    ("shape", "changes", "message"),
    [
        ((1, 33), {}, r"a multiple of 32, at least one; received \(1, 33\)"),
        ((1, 0), {}, r"received \(1, 0\)"),
        ((32,), {}, r"received \(32,\)"),
        ((1, 32), {"state_other": np.zeros(1)}, "takes the states state_frames, .*state_other"),
        ((1, 32), {"state_masks": np.zeros((1, 2, 3))}, r"\(batch, 1, 33\); received \(1, 2, 3\)"),
    ],
)
def test_a_step_names_what_is_wrong(shape, changes, message):
    with pytest.raises(UsageError, match=message) as raised:
        SMALL.streaming_step(np.zeros(shape, "float32"), {**SMALL.streaming_state(), **changes})
    assert "\n" not in str(raised.value)


@pytest.mark.mir1k
def test_the_zoos_preset_streams_a_real_clip(mir1k):
    separator = DRNNSeparator.from_preset("drnn_mir1k")
    assert separator.streaming_delay == 1024
    clip = sorted((mir1k / "dev").glob("*.flac"))[0]
    audio, rate = soundfile.read(clip, dtype="float32", stop=2 * 16000 + 77, always_2d=True)
    assert rate == separator.sample_rate
    sizes = np.random.default_rng(0).integers(0, 3000, 50).tolist()
    assert_equals_offline(separator, audio.mean(axis=1)[None], sizes)
    assert isinstance(separator.stream(), SeparatorStream)
