import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from layer_checks import check_layer

from kerasvox.errors import UsageError
from kerasvox.layers.inverse_stft import InverseSTFT
from kerasvox.layers.stft import STFT
from kerasvox.layers.windows import window

FORMS = [(1024, 512, "sine"), (512, 256, "hamming"), (512, 128, "hann"), (16, 16, "hamming")]
METHODS = ["fft", "matmul"]


@pytest.mark.parametrize("method", METHODS)
def test_stft_is_a_well_behaved_layer(tmp_path, noise, method):
    layer = STFT(64, 16, "hann", method)
    check_layer(layer, [noise], ((2, 1003, 33),) * 2, float32_always=True, path=tmp_path)


@pytest.mark.parametrize("method", METHODS)
def test_inverse_stft_is_a_well_behaved_layer(tmp_path, noise, method):
    real, imag = (ops.convert_to_numpy(part) for part in STFT(64, 16, "hann")(noise))
    check_layer(
        InverseSTFT(64, 16, "hann", method),
        [real, imag],
        (2, 16000),
        {"samples": 16000},
        float32_always=True,
        path=tmp_path,
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("n_fft", "hop", "name"), FORMS)
def test_stft_is_the_discrete_fourier_transform_of_windowed_frames(noise, n_fft, hop, name, method):
    real, imag = STFT(n_fft, hop, name, method)(noise)
    spectrum = ops.convert_to_numpy(real) + 1j * ops.convert_to_numpy(imag)
    outside = n_fft - hop
    padded = np.pad(noise.astype("float64"), [(0, 0), (outside, n_fft)])
    for frame in (0, 1, spectrum.shape[1] // 2, spectrum.shape[1] - 1):
        stretch = padded[:, frame * hop : frame * hop + n_fft]
        expected = np.fft.rfft(stretch * window(name, n_fft))
        np.testing.assert_allclose(spectrum[:, frame], expected, atol=2e-5)


@pytest.mark.parametrize(("n_fft", "hop", "name"), FORMS)
def test_both_methods_agree(noise, n_fft, hop, name):
    spectra = [STFT(n_fft, hop, name, method)(noise) for method in METHODS]
    scale = np.abs(ops.convert_to_numpy(spectra[0][0])).max()
    for one, other in zip(*spectra, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * scale)
    waves = [InverseSTFT(n_fft, hop, name, m)(*spectra[0], samples=16000) for m in METHODS]
    np.testing.assert_allclose(*waves, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    samples=st.integers(0, 3000),
    form=st.sampled_from(FORMS),
    method=st.sampled_from(METHODS),
    seed=st.integers(0, 1000),
)
def test_inverse_restores_every_length(samples, form, method, seed):
    signal = np.random.default_rng(seed).uniform(-1, 1, (1, samples)).astype("float32")
    real, imag = STFT(*form, method)(signal)
    again = ops.convert_to_numpy(InverseSTFT(*form, method)(real, imag, samples=samples))
    assert again.shape == signal.shape
    np.testing.assert_allclose(again, signal, atol=2e-6)


def test_leading_dimensions_are_kept(noise):
    sources = noise.reshape(1, 2, 16000)
    real, imag = STFT()(sources)
    assert real.shape == imag.shape == (1, 2, 33, 513)
    np.testing.assert_allclose(InverseSTFT()(real, imag, samples=16000), sources, atol=1e-6)


def test_transform_stays_exact_inside_a_mixed_precision_model(noise):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        real, imag = STFT()(noise)
        again = InverseSTFT()(real, imag, samples=16000)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(again, noise, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_fft": 1000, "hop": 512}, "n_fft=1000, hop=512"),
        ({"n_fft": 15, "hop": 5}, "n_fft=15"),
        ({"hop": 0}, "hop=0"),
        ({"window": "kaiser"}, "unknown window 'kaiser'; windows are hamming, hann, sine"),
        ({"method": "dct"}, "unknown method 'dct'"),
        ({"n_fft": 512, "hop": 512, "window": "hann"}, "cannot be inverted"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(UsageError, match=message):
        STFT(**arguments)
