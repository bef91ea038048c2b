import keras
import numpy as np
import pytest

from kerasvox.errors import UsageError
from kerasvox.export.twin import export_twin
from kerasvox.models.drnn.separator import DRNNSeparator
from kerasvox.models.spectrogram_fusion.separator import SpectrogramFusionSeparator

SIZES = {"n_fft": 64, "hop": 32}
STAGES = {"first_stage": {"units": 4}, "second_stage": {"units": 4, "heads": 2}}


@pytest.fixture(params=["drnn", "fusion"])
def separator(request):
    if request.param == "drnn":
        return DRNNSeparator(units=4, **SIZES)
    return SpectrogramFusionSeparator(**STAGES, **SIZES)


def layers(model, kind):
    return [each for each in model._flatten_layers() if type(each).__name__ == kind]


@pytest.mark.parametrize("method", ["fft", "matmul"])
def test_equals_the_model(separator, method, noise):
    noise = noise[:, :1500]
    twin = export_twin(separator, method)
    transforms = [*layers(twin, "STFT"), *layers(twin, "InverseSTFT")]
    assert {each.method for each in transforms} == {method}
    expected, found = separator(noise), twin(noise)
    for stem in separator.stems:
        np.testing.assert_allclose(found[stem], expected[stem], atol=1e-5)


def test_leaves_the_model_as_it_is(separator):
    twin = export_twin(separator, "matmul")
    for weight in twin.weights:
        weight.assign(weight + 1.0)
    assert {each.method for each in layers(separator, "STFT")} == {"auto"}
    assert not np.array_equal(separator.get_weights()[0], twin.get_weights()[0])


def test_every_lstm_keeps_off_cudnn_in_both_directions():
    twin = export_twin(SpectrogramFusionSeparator(**STAGES, **SIZES), "fft")
    recurrent = layers(twin, "LSTM")
    assert len(recurrent) == 4
    assert not any(each.use_cudnn for each in recurrent)


def test_computes_in_float32_whatever_the_policy(noise):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        separator = DRNNSeparator(units=4, **SIZES)
        separator.build()
        twin = export_twin(separator, "fft")
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert {each.compute_dtype for each in twin._flatten_layers()} == {"float32"}
    np.testing.assert_array_equal(twin.get_weights()[0], separator.get_weights()[0])


def test_an_unknown_method_is_refused(separator):
    with pytest.raises(UsageError, match="unknown method 'dft'; methods are"):
        export_twin(separator, "dft")
