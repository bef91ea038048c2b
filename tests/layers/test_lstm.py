import keras
import numpy as np
import pytest
from keras import ops

from kerasvox.layers.lstm import LSTM

OPTIONS = [
    {"return_sequences": True},
    {"return_sequences": True, "go_backwards": True, "return_state": True},
    {"return_state": True},
]


def gradients(layer, arrays):
    """The outputs of a training step, and the gradients of a sum over them."""
    tf = pytest.importorskip("tensorflow")
    inputs, *states = variables = [tf.Variable(array) for array in arrays]

    @tf.function
    def run():
        with tf.GradientTape() as tape:
            outputs = keras.tree.flatten(layer(inputs, initial_state=states, training=True))
            total = sum(ops.sum(ops.sin((k + 1) * each)) for k, each in enumerate(outputs))
        weights = [weight.value for weight in layer.trainable_weights]
        return outputs, tape.gradient(total, [*variables, *weights])

    return [each.numpy() for each in keras.tree.flatten(run())]


@pytest.mark.parametrize("options", OPTIONS)
def test_training_is_that_of_keras(options):
    generator = np.random.default_rng(0)
    shapes = (3, 7, 5), (3, 4), (3, 4)
    arrays = [generator.normal(size=shape).astype("float32") for shape in shapes]
    ours, theirs = LSTM(4, **options), keras.layers.LSTM(4, **options)
    for layer in (ours, theirs):
        layer.build(shapes[0])
    ours.set_weights([generator.normal(size=weight.shape) for weight in ours.weights])
    theirs.set_weights(ours.get_weights())
    for one, other in zip(gradients(ours, arrays), gradients(theirs, arrays), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.parametrize(
    "options", [{"recurrent_dropout": 0.2}, {"use_bias": False}, {"activation": "relu"}]
)
def test_other_options_are_left_to_keras(options):
    layer = LSTM(4, return_sequences=True, **options)
    assert not layer._is_plain
    assert layer(np.ones((2, 3, 5), "float32"), training=True).shape == (2, 3, 4)


def test_a_mask_is_left_to_keras():
    layer = LSTM(4, return_sequences=True)
    inputs = np.random.default_rng(0).normal(size=(1, 3, 5)).astype("float32")
    mask = np.array([[True, True, False]])
    outputs = ops.convert_to_numpy(layer(inputs, mask=mask, training=True))
    np.testing.assert_allclose(outputs[:, 2], outputs[:, 1])


def test_configuration_round_trip():
    layer = LSTM(4, go_backwards=True)
    assert LSTM.from_config(layer.get_config()).get_config() == layer.get_config()
