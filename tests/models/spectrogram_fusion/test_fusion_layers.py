import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import check_layer

from kerasvox.errors import UsageError
from kerasvox.layers.stft import STFT
from kerasvox.models.spectrogram_fusion.embeddings import EMBEDDINGS, embedding_class
from kerasvox.models.spectrogram_fusion.frame_attention import FrameAttention
from kerasvox.models.spectrogram_fusion.linear_fusion import linear_fusion
from kerasvox.models.spectrogram_fusion.linear_fusion_phase import LinearFusionPhase, phasor
from kerasvox.models.spectrogram_fusion.minimum_difference_mask_fusion import (
    MinimumDifferenceMaskFusion,
)
from kerasvox.models.spectrogram_fusion.minimum_difference_masks import minimum_difference_labels
from kerasvox.models.spectrogram_fusion.two_head_bilstm import TwoHeadBiLSTM

GENERATOR = np.random.default_rng(0)
MIXTURE, MAPPING, MASKING = GENERATOR.uniform(0.1, 2, size=(3, 2, 7, 5)).astype("float32")
HIDDEN = GENERATOR.normal(size=(2, 7, 8)).astype("float32")
SHAPE = (2, 7, 5)


def numpy_of(tensors):
    return keras.tree.map_structure(ops.convert_to_numpy, tensors)


@pytest.mark.parametrize("options", [{}, {"compression": 0.5}, {"depth": 1, "dropout": 0.3}])
def test_two_heads_are_a_well_behaved_layer(tmp_path, options):
    layer = TwoHeadBiLSTM(5, units=3, **options)
    mapping, masking = check_layer(layer, [MIXTURE], (SHAPE, SHAPE), path=tmp_path)
    assert (mapping >= 0).all()
    assert (masking <= MIXTURE).all()


def test_two_heads_hear_both_directions():
    layer = TwoHeadBiLSTM(5, units=3, mapping_activation="linear")
    before = numpy_of(layer(MIXTURE))[0]
    changed = MIXTURE.copy()
    changed[:, 3] += 1
    difference = np.abs(numpy_of(layer(changed))[0] - before).max(axis=(0, 2))
    assert (difference > 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "units=0"),
        ({"depth": 0}, "depth=0"),
        ({"compression": 0.0}, "compression is above 0 and at most 1; received 0.0"),
        ({"compression": 1.5}, "received 1.5"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"masking_activation": "sigmod"}, "unknown masking_activation 'sigmod'"),
    ],
)
def test_two_heads_name_what_is_wrong(options, message):
    with pytest.raises(UsageError, match=message):
        TwoHeadBiLSTM(5, **options)


@pytest.mark.parametrize(
    "options", [{}, {"key_size": 3}, {"residual": False}, {"normalization": False}]
)
def test_attention_is_a_well_behaved_layer(tmp_path, options):
    check_layer(FrameAttention(heads=2, **options), [HIDDEN], HIDDEN.shape, path=tmp_path)


def test_attention_is_the_equation():
    layer = FrameAttention(heads=1, key_size=8, residual=False, normalization=False)
    key, value = GENERATOR.normal(size=(2, 2, 7, 8)).astype("float32")
    found = numpy_of(layer(HIDDEN, key, value))
    parts = [layer.attention._query_dense, layer.attention._key_dense, layer.attention._value_dense]
    query, key, value = (
        numpy_of(part(x))[:, :, 0] for part, x in zip(parts, (HIDDEN, key, value), strict=True)
    )
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(8)
    weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    expected = numpy_of(layer.attention._output_dense((weights @ value)[:, :, None]))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_attention_names_heads_that_do_not_divide():
    with pytest.raises(UsageError, match="3 heads do not divide 8 units"):
        FrameAttention(heads=3)(HIDDEN)
    with pytest.raises(UsageError, match="heads=0"):
        FrameAttention(heads=0)


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embedding_is_a_well_behaved_layer(tmp_path, name):
    layer = embedding_class(name)(5, units=8, heads=2, compression=0.5)
    inputs = [MIXTURE, MAPPING, MASKING]
    outputs = check_layer(layer, inputs, (SHAPE,) * 4, path=tmp_path)
    for mask in outputs[:2]:
        assert ((mask > 0) & (mask < 1)).all()
    assert (outputs[2] >= 0).all()
    assert (outputs[3] <= MIXTURE).all()


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_every_input_matters_and_frames_attend_to_each_other(name):
    layer = embedding_class(name)(5, units=8, heads=2)
    inputs = [MIXTURE, MAPPING, MASKING]
    before = numpy_of(layer(*inputs))[0]
    for position in range(3):
        changed = [array.copy() for array in inputs]
        changed[position][:, 3] += 1
        difference = np.abs(numpy_of(layer(*changed))[0] - before).max(axis=(0, 2))
        assert difference[3] > 0
        # In separate-info the mixture only asks: its frame changes one answer.
        alone = name == "plain" or (name == "separate_info" and position == 0)
        assert ((difference > 0).sum() == 1) == alone


def test_separate_info_takes_key_and_value_as_asked():
    layers = [
        embedding_class("separate_info")(5, units=8, heads=2, key=key)
        for key in ("mapping", "masking")
    ]
    first = numpy_of(layers[0](MIXTURE, MAPPING, MASKING))
    layers[1](MIXTURE, MAPPING, MASKING)
    layers[1].set_weights(layers[0].get_weights())
    swapped = numpy_of(layers[1](MIXTURE, MASKING, MAPPING))
    for one, other in zip(first, swapped, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    with pytest.raises(UsageError, match="key is 'mix'; it must be mapping or masking"):
        embedding_class("separate_info")(5, key="mix")


def test_unknown_embedding_is_named():
    with pytest.raises(UsageError, match="unknown embedding 'allinfo'; embeddings are all_info"):
        embedding_class("allinfo")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "units=0"),
        ({"units": 8, "heads": 3}, "3 heads do not divide 8 units"),
        ({"compression": 2}, "received 2"),
        ({"dropout": -0.1}, "dropout=-0.1"),
    ],
)
def test_embeddings_name_what_is_wrong(options, message):
    with pytest.raises(UsageError, match=message):
        embedding_class("all_info")(5, **options)(MIXTURE, MAPPING, MASKING)


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_one_frame_and_silence_are_fine(name):
    layer = embedding_class(name)(5, units=8, heads=2, compression=0.3)
    for inputs in ([array[:, :1] for array in (MIXTURE, MAPPING, MASKING)], [0 * MIXTURE] * 3):
        assert all(np.isfinite(output).all() for output in numpy_of(layer(*inputs)))


def test_labels_are_those_of_the_papers_example():
    """Interspeech 2020, Fig. 1: cells top, left, right, bottom."""
    mapping = np.array([0.02, 0.02, 0.02, 0.00], "float32").reshape(1, 2, 2)
    masking = np.array([0.53, 0.24, 0.42, 0.22], "float32").reshape(1, 2, 2)
    clean = np.array([0.24, 0.22, 0.25, 0.06], "float32").reshape(1, 2, 2)
    labels = numpy_of(minimum_difference_labels(mapping, masking, clean))
    np.testing.assert_array_equal(labels[0, 0].ravel(), [1, 0, 0, 1])
    np.testing.assert_array_equal(labels[0, 1].ravel(), [0, 1, 1, 0])


def test_a_tie_goes_to_the_mapping_spectrogram():
    ones = np.ones((1, 1, 1), "float32")
    labels = numpy_of(minimum_difference_labels(ones, ones, 2 * ones))
    np.testing.assert_array_equal(labels.ravel(), [1, 0])


def test_labels_select_what_no_other_choice_beats():
    clean = GENERATOR.uniform(size=SHAPE).astype("float32")
    labels = minimum_difference_labels(MAPPING, MASKING, clean)
    pair = np.stack([MAPPING, MASKING], axis=1)
    fused = numpy_of(MinimumDifferenceMaskFusion()(labels, pair))
    errors = np.abs(pair - clean[:, None])
    np.testing.assert_allclose(np.abs(fused - clean), errors.min(axis=1), atol=1e-6)


def test_fusion_is_a_well_behaved_layer(tmp_path):
    pair = np.stack([MAPPING, MASKING], axis=1)
    masks = GENERATOR.uniform(size=pair.shape).astype("float32")
    arguments = {"float32_always": True, "path": tmp_path}
    fused = check_layer(MinimumDifferenceMaskFusion(), [masks, pair], SHAPE, **arguments)
    np.testing.assert_allclose(fused, masks[:, 0] * MAPPING + masks[:, 1] * MASKING, rtol=1e-6)


def test_binary_fusion_takes_each_cell_from_one_spectrogram():
    pair = np.stack([MAPPING, MASKING], axis=1)
    masks = GENERATOR.uniform(size=pair.shape).astype("float32")
    masks[0, :, 0, 0] = 0.4
    fused = numpy_of(MinimumDifferenceMaskFusion(binary=True)(masks, pair))
    expected = np.where(masks[:, 0] >= masks[:, 1], MAPPING, MASKING)
    np.testing.assert_array_equal(fused, expected)


def test_linear_fusion_is_the_mean():
    pair = np.stack([MAPPING, MASKING], axis=1)
    np.testing.assert_allclose(numpy_of(linear_fusion(pair)), (MAPPING + MASKING) / 2, rtol=1e-6)


@pytest.mark.parametrize("iterations", [1, 3])
def test_phase_is_a_well_behaved_layer(tmp_path, iterations):
    layer = LinearFusionPhase(8, 4, iterations=iterations)
    spectrum = GENERATOR.normal(size=(3, 2, 7, 5)).astype("float32")
    inputs = [np.abs(spectrum[0]), spectrum[1], spectrum[2]]
    cosine, sine = check_layer(
        layer, inputs, (SHAPE, SHAPE), {"samples": 24}, float32_always=True, path=tmp_path
    )
    np.testing.assert_allclose(cosine**2 + sine**2, 1, atol=1e-4)


def test_no_iteration_leaves_the_phase_of_the_mixture():
    real, imag = GENERATOR.normal(size=(2, *SHAPE)).astype("float32")
    cosine, sine = LinearFusionPhase(8, 4, iterations=0)(MAPPING, real, imag, samples=24)
    angle = np.angle(real + 1j * imag)
    np.testing.assert_allclose(cosine, np.cos(angle), atol=1e-5)
    np.testing.assert_allclose(sine, np.sin(angle), atol=1e-5)


def test_phase_is_one_consistency_step():
    """iSTFT with the mixture's phase, then the STFT's own angle, all in complex numpy."""
    stft = STFT(64, 16, "hann")
    mixture = GENERATOR.normal(size=(1, 400)).astype("float32")
    real, imag = stft(mixture)
    fused = GENERATOR.uniform(0.5, 2, size=real.shape).astype("float32")
    layer = LinearFusionPhase(64, 16, "hann")
    cosine, sine = numpy_of(layer(fused, real, imag, samples=400))
    spectrum = numpy_of(real) + 1j * numpy_of(imag)
    guess = fused * np.exp(1j * np.angle(spectrum))
    waveform = layer.inverse_stft(guess.real, guess.imag, samples=400)
    again = np.angle(numpy_of(stft(waveform)[0]) + 1j * numpy_of(stft(waveform)[1]))
    inner = slice(3, -3)  # frames that lie whole within the signal
    np.testing.assert_allclose(cosine[:, inner], np.cos(again)[:, inner], atol=2e-3)
    np.testing.assert_allclose(sine[:, inner], np.sin(again)[:, inner], atol=2e-3)


def test_the_true_magnitude_comes_nearer_with_every_iteration():
    """Griffin and Lim: the distance to the magnitude asked for never grows."""
    stft = STFT(64, 16, "hann")
    voice, music = GENERATOR.normal(size=(2, 1, 800)).astype("float32")
    real, imag = stft(voice + music)
    wanted = np.hypot(*numpy_of(stft(voice)))
    distances = []
    for iterations in (0, 1, 4, 16):
        layer = LinearFusionPhase(64, 16, "hann", iterations)
        cosine, sine = layer(wanted, real, imag, samples=800)
        waveform = layer.inverse_stft(wanted * cosine, wanted * sine, samples=800)
        distances.append(np.sum((np.hypot(*numpy_of(stft(waveform))) - wanted) ** 2))
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.5 * distances[0]


def test_phase_of_silence_is_zero_and_its_gradient_finite():
    cosine, sine = numpy_of(phasor(np.zeros((1, 2, 3)), np.zeros((1, 2, 3))))
    assert not cosine.any()
    assert not sine.any()
    with pytest.raises(UsageError, match="iterations is 0 or more; received -1"):
        LinearFusionPhase(iterations=-1)
