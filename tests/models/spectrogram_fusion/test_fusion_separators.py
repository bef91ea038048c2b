import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from kerasvox.errors import UsageError
from kerasvox.models.separator import Separator
from kerasvox.models.spectrogram_fusion.embeddings import EMBEDDINGS
from kerasvox.models.spectrogram_fusion.separator import SpectrogramFusionSeparator
from kerasvox.models.spectrogram_fusion.two_head_separator import TwoHeadSeparator

# The LSTM runs a step a frame, so signals here are a few frames long.
SIZES = {"n_fft": 64, "hop": 32, "first_stage": {"units": 4, "depth": 1}}
SECOND = {"units": 8, "heads": 2}


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(0, 0.1, size=(2, 400)).astype("float32")


def two_head(**options):
    return TwoHeadSeparator(**SIZES | options)


def fusion(embedding="all_info", **options):
    return SpectrogramFusionSeparator(embedding, **SIZES | {"second_stage": SECOND} | options)


def twin_of(separator, **changes):
    """The same weights under other options of inference."""
    twin = type(separator).from_config(separator.get_config() | changes)
    for each in (separator, twin):
        each.build()
    twin.set_weights(separator.get_weights())
    return twin


def vocals_of(separator, waveform):
    return ops.convert_to_numpy(separator(waveform)["vocals"])


KINDS = {"two_head": two_head(), "fusion": fusion()}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None)  # each costs an LSTM's loop
@given(samples=st.integers(0, 300), level=st.floats(-80, 0), seed=st.integers(0, 100))
def test_stems_have_the_mixtures_length_and_sum_to_it(kind, samples, level, seed):
    waveform = np.random.default_rng(seed).normal(0, 10 ** (level / 20), (2, samples))
    waveform = waveform.astype("float32")
    stems = {stem: ops.convert_to_numpy(wave) for stem, wave in KINDS[kind](waveform).items()}
    assert list(stems) == ["vocals", "accompaniment"]
    assert all(wave.shape == waveform.shape and wave.dtype == "float32" for wave in stems.values())
    np.testing.assert_allclose(sum(stems.values()), waveform, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_silence_stays_silence(kind):
    for wave in KINDS[kind](np.zeros((1, 100), "float32")).values():
        assert np.isfinite(wave).all()
        np.testing.assert_allclose(wave, np.zeros((1, 100)), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_at_silence_and_in_one_frame(kind):
    import tensorflow as tf

    separator = KINDS[kind]
    for mixture in (np.zeros((1, 6, 33)), np.ones((1, 1, 33))):
        variable = tf.Variable(mixture.astype("float32"))
        with tf.GradientTape() as tape:
            predictions = separator.predictions(variable, training=True)
            value = ops.sum(predictions * np.arange(1.0, 1 + predictions.shape[1])[:, None, None])
        for gradient in tape.gradient(value, [variable, *(w.value for w in separator.weights)]):
            assert gradient is not None
            assert np.isfinite(gradient.numpy()).all()


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_configuration_and_weights_make_the_same_separator(tmp_path, noise, embedding):
    options = {
        "selection": "second_stage",
        "output": "mapping",
        "binary_masks": True,
        "phase": "mixture",
        "first_stage": {"units": 4, "compression": 0.5, "masking_activation": "relu"},
    }
    for separator in (fusion(embedding), fusion(embedding, **options)):
        expected = vocals_of(separator, noise)
        separator.save(tmp_path / "model.keras")
        twin = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        assert twin.get_config() == separator.get_config()
        np.testing.assert_allclose(vocals_of(twin, noise), expected, atol=1e-6)
        separator.save_to_preset(tmp_path / "preset", dtype="float32")
        stored = Separator.from_preset(tmp_path / "preset")
        assert type(stored) is SpectrogramFusionSeparator
        np.testing.assert_allclose(vocals_of(stored, noise), expected, atol=1e-6)


def test_equal_weights_make_equal_files(tmp_path):
    digests = set()
    for name in ("one", "two"):
        keras.utils.set_random_seed(5)
        separator = fusion(name="fused")
        separator.save_to_preset(tmp_path / name)
        digests.add((tmp_path / name / "model.weights.h5").read_bytes())
    assert len(digests) == 1


def test_predictions_are_what_the_loss_says(noise):
    separator = fusion()
    mixture = np.abs(np.random.default_rng(0).normal(size=(2, 9, 33))).astype("float32")
    predictions = ops.convert_to_numpy(separator.predictions(mixture))
    assert predictions.shape == (2, 8, 9, 33)
    first = ops.convert_to_numpy(separator.spectrograms(mixture))
    np.testing.assert_allclose(predictions[:, :2], first, atol=1e-6)
    np.testing.assert_allclose(predictions[:, 2:4], first, atol=1e-6)
    assert (predictions[:, 4:6] > 0).all()
    assert (predictions[:, 4:6] < 1).all()
    again = twin_of(separator, selection="second_stage")
    predictions = ops.convert_to_numpy(again.predictions(mixture))
    np.testing.assert_allclose(predictions[:, 2:4], predictions[:, 6:8], atol=1e-6)
    stage_one = two_head()
    np.testing.assert_allclose(
        stage_one.predictions(mixture), stage_one.spectrograms(mixture), atol=1e-6
    )


def test_vocals_are_what_the_output_asks_for(noise):
    """With the mixture's phase, each output's magnitude times the phasor comes out."""
    separator = fusion(phase="mixture")
    real, imag = (ops.convert_to_numpy(part) for part in separator.stft(noise))
    mixture = np.hypot(real, imag)
    parts = ops.convert_to_numpy(separator.predictions(mixture))
    mapping, masking = parts[:, 2], parts[:, 3]
    binary = parts[:, 4] >= parts[:, 5]
    magnitudes = {
        ("mapping", False): mapping,
        ("masking", False): masking,
        ("linear_fusion", False): (mapping + masking) / 2,
        ("fusion", False): parts[:, 4] * mapping + parts[:, 5] * masking,
        ("fusion", True): np.where(binary, mapping, masking),
    }
    for (output, binary_masks), magnitude in magnitudes.items():
        twin = twin_of(separator, output=output, binary_masks=binary_masks)
        gain = magnitude / mixture
        expected = separator.inverse_stft(gain * real, gain * imag, samples=noise.shape[-1])
        np.testing.assert_allclose(vocals_of(twin, noise), expected, atol=1e-4)


def test_the_linear_fusion_lends_its_phase(noise):
    mixture_phase = fusion(phase="mixture")
    once = twin_of(mixture_phase, phase="linear_fusion")
    thrice = twin_of(mixture_phase, phase="linear_fusion", phase_iterations=3)
    waves = [vocals_of(separator, noise) for separator in (mixture_phase, once, thrice)]
    size = np.abs(waves[0]).max()
    assert np.abs(waves[0] - waves[1]).max() > 0.01 * size
    assert np.abs(waves[1] - waves[2]).max() > 0.01 * size


@pytest.mark.parametrize("kind", KINDS)
def test_the_gain_exponent_takes_out_more(kind, noise):
    mixture = np.abs(np.random.default_rng(1).normal(size=(1, 5, 33))).astype("float32")
    mixture[0, 0] = 0  # silence has no gain
    plain = twin_of(
        KINDS[kind], first_stage=SIZES["first_stage"] | {"mapping_activation": "linear"}
    )
    squared = twin_of(plain, gain_exponent=2.0)
    gains = [
        ops.convert_to_numpy(separator.estimate(mixture))[0, 0, 1:] / mixture[0, 1:]
        for separator in (plain, squared)
    ]
    np.testing.assert_allclose(gains[1], np.minimum(gains[0], 1) ** 2, atol=1e-5)
    assert np.isfinite(ops.convert_to_numpy(squared.estimate(mixture))).all()
    stems = squared(noise)
    np.testing.assert_allclose(stems["vocals"] + stems["accompaniment"], noise, atol=1e-5)
    assert np.abs(stems["vocals"] - vocals_of(plain, noise)).max() > 1e-3


def test_a_frozen_first_stage_neither_learns_nor_drops(noise):
    separator = fusion(first_stage={"units": 4, "dropout": 0.5})
    separator.build()
    separator.first_stage.trainable = False
    mixture = np.ones((1, 5, 33), "float32")
    one, other = (separator.spectrograms(mixture, training=True) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    names = {weight.path for weight in separator.trainable_weights}
    assert names
    assert not any("first_stage" in name for name in names)


def test_estimate_gives_both_stems():
    mixture = np.ones((1, 5, 33), "float32")
    for separator in KINDS.values():
        estimates = ops.convert_to_numpy(separator.estimate(mixture))
        assert estimates.shape == (1, 2, 5, 33)
        np.testing.assert_allclose(
            estimates[:, 1], np.maximum(mixture - estimates[:, 0], 0), atol=1e-6
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embedding": "none"}, "unknown embedding 'none'; embeddings are all_info"),
        ({"output": "fused"}, "unknown output 'fused'; outputs are fusion, linear_fusion"),
        ({"phase": "random"}, "unknown phase 'random'; phases are linear_fusion, mixture"),
        ({"phase_iterations": 0}, "phase_iterations is 1 or more; received 0"),
        ({"gain_exponent": 0.0}, "gain_exponent is above 0; received 0.0"),
        ({"selection": "third"}, "unknown selection 'third'; selections are first_stage"),
        ({"first_stage": {"unit": 3}}, "first_stage: .*'unit'"),
        ({"second_stage": {"units": 8, "hed": 3}}, "second_stage: .*'hed'"),
        ({"n_fft": 100}, "n_fft=100"),
    ],
)
def test_what_is_wrong_is_named(options, message):
    with pytest.raises(UsageError, match=message):
        fusion(**options)


def test_the_first_stage_alone_has_no_fusion():
    with pytest.raises(UsageError, match="unknown output 'fusion'"):
        two_head(output="fusion")


def test_heads_that_do_not_divide_are_named():
    with pytest.raises(UsageError, match="3 heads do not divide 8 units"):
        fusion(second_stage={"units": 8, "heads": 3}).build()
