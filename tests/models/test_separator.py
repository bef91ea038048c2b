import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from kerasvox.models.drnn.separator import DRNNSeparator
from kerasvox.models.separator import Separator

# One for all properties: each new length costs TensorFlow a trace.
SMALL = DRNNSeparator(units=8, n_fft=64, hop=32)


@settings(max_examples=40, deadline=None)
@given(samples=st.integers(0, 2000), seed=st.integers(0, 100), level=st.floats(-80, 0))
def test_stems_have_the_mixtures_length_and_sum_to_it(samples, seed, level):
    waveform = np.random.default_rng(seed).normal(0, 10 ** (level / 20), (2, samples))
    waveform = waveform.astype("float32")
    stems = {stem: ops.convert_to_numpy(wave) for stem, wave in SMALL(waveform).items()}
    assert list(stems) == ["vocals", "accompaniment"]
    assert all(wave.shape == waveform.shape and wave.dtype == "float32" for wave in stems.values())
    total = stems["vocals"] + stems["accompaniment"]
    np.testing.assert_allclose(total, waveform, atol=1e-6)


def test_vocals_are_the_masked_mixture(noise):
    """The stems by subtraction and by the other source's mask are the same thing."""
    real, imag = (ops.convert_to_numpy(part) for part in SMALL.stft(noise))
    mixture = np.hypot(real, imag)
    estimates = ops.convert_to_numpy(SMALL.estimate(mixture))
    stems = SMALL(noise)
    for number, stem in enumerate(SMALL.stems):
        gain = estimates[:, number] / mixture
        expected = SMALL.inverse_stft(gain * real, gain * imag, samples=16000)
        np.testing.assert_allclose(stems[stem], expected, atol=1e-5)


def test_silence_stays_silence():
    stems = SMALL(np.zeros((1, 500), "float32"))
    for wave in stems.values():
        np.testing.assert_array_equal(wave, np.zeros((1, 500)))


def test_a_whole_batch_equals_each_by_itself(noise):
    together = SMALL(noise)["vocals"]
    for row in range(2):
        np.testing.assert_allclose(
            SMALL(noise[row : row + 1])["vocals"][0], together[row], atol=1e-6
        )


def test_output_depends_on_no_later_frame_but_one(noise):
    """The network sees one frame ahead: what a stream needs."""
    changed = noise.copy()
    changed[:, 8000:] = 0.0
    # A frame that holds sample 8000 begins after 8000 - 64; one frame earlier sees it as context.
    untouched = 8000 - 64 - 32
    one, other = (ops.convert_to_numpy(SMALL(wave)["vocals"]) for wave in (noise, changed))
    np.testing.assert_allclose(one[:, :untouched], other[:, :untouched], atol=1e-6)
    assert np.abs(one - other)[:, untouched:8000].max() > 1e-4


def test_mixed_precision_keeps_the_sum(noise):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        stems = DRNNSeparator(units=8)(noise)
    finally:
        keras.config.set_dtype_policy("float32")
    assert stems["vocals"].dtype == "float32"
    np.testing.assert_allclose(stems["vocals"] + stems["accompaniment"], noise, atol=1e-6)


def test_keras_file_round_trip_in_safe_mode(tmp_path, noise):
    expected = SMALL(noise)["vocals"]
    SMALL.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(twin(noise)["vocals"], expected, atol=1e-6)


def test_songs_of_every_length_run_one_graph_where_there_is_a_gpu(monkeypatch):
    devices = [*tf.config.list_physical_devices("CPU"), tf.config.PhysicalDevice("gpu", "GPU")]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: devices)
    dense = keras.Sequential([keras.layers.Dense(1)])
    assert dense.jit_compile  # Keras compiles for every shape
    assert not Separator().jit_compile


def test_works_inside_a_functional_model(noise):
    entry = keras.Input((None,))
    model = keras.Model(entry, SMALL(entry))
    np.testing.assert_allclose(model(noise)["vocals"], SMALL(noise)["vocals"], atol=1e-6)


def test_summary_works(capsys):
    SMALL.summary()
    assert "Total params" in capsys.readouterr().out


def test_base_class_names_what_is_missing(noise):
    with pytest.raises(NotImplementedError, match="estimate"):
        Separator()(noise)
