import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import check_layer

from kerasvox.errors import UsageError
from kerasvox.models.drnn.context_window import ContextWindow
from kerasvox.models.drnn.deep_recurrent_stack import DeepRecurrentStack
from kerasvox.models.drnn.temporal_recurrence import TemporalRecurrence

FRAMES = np.random.default_rng(0).normal(size=(2, 7, 4)).astype("float32")


def test_context_window_is_a_well_behaved_layer(tmp_path):
    check_layer(ContextWindow(3), [FRAMES], (2, 7, 12), path=tmp_path)


def test_context_window_repeats_the_edges():
    frames = np.array([[1.0], [2.0], [3.0]], "float32")[None]
    windows = ops.convert_to_numpy(ContextWindow(3)(frames))[0]
    np.testing.assert_array_equal(windows, [[1, 1, 2], [1, 2, 3], [2, 3, 3]])
    wide = ops.convert_to_numpy(ContextWindow(5)(frames))[0]
    np.testing.assert_array_equal(wide[0], [1, 1, 1, 2, 3])
    np.testing.assert_array_equal(ContextWindow(1)(frames), frames)


@pytest.mark.parametrize("size", [0, 2, -1])
def test_context_window_must_be_odd(size):
    with pytest.raises(UsageError, match=f"size={size}"):
        ContextWindow(size)


def test_recurrence_is_a_well_behaved_layer(tmp_path):
    check_layer(TemporalRecurrence(), [FRAMES], (2, 7, 4), path=tmp_path)


def test_recurrence_equals_keras_simple_rnn():
    """Keras multiplies the inputs inside its loop; with the identity as kernel they must agree."""
    ours = TemporalRecurrence()
    output = ours(FRAMES)
    theirs = keras.layers.SimpleRNN(4, activation="relu", return_sequences=True)
    theirs.build(FRAMES.shape)
    theirs.set_weights([np.eye(4), ops.convert_to_numpy(ours.recurrent_kernel), np.zeros(4)])
    np.testing.assert_allclose(output, theirs(FRAMES), atol=1e-6)


@pytest.mark.parametrize("recurrent_layers", [(), (1,), (2,), (3,), (1, 2, 3)])
def test_stack_is_a_well_behaved_layer(tmp_path, recurrent_layers):
    layer = DeepRecurrentStack(6, units=5, depth=3, recurrent_layers=recurrent_layers)
    check_layer(layer, [FRAMES], (2, 7, 6), path=tmp_path)


def test_dropout_acts_in_training_alone(tmp_path):
    layer = DeepRecurrentStack(6, units=50, dropout=0.5)
    check_layer(layer, [FRAMES], (2, 7, 6), path=tmp_path)
    plain = DeepRecurrentStack(6, units=50)
    plain(FRAMES)
    for target, source in zip(plain.weights, layer.trainable_weights, strict=True):
        target.assign(source)
    np.testing.assert_allclose(layer(FRAMES), plain(FRAMES), atol=1e-6)
    assert np.abs(np.array(layer(FRAMES, training=True)) - plain(FRAMES)).max() > 0.01


def test_stack_is_the_equation():
    """DRNN-2, written out frame by frame."""
    layer = DeepRecurrentStack(6, units=5, depth=3, recurrent_layers=(2,))
    output = ops.convert_to_numpy(layer(FRAMES))
    weights = {
        weight.path.split("/", 1)[1]: ops.convert_to_numpy(weight) for weight in layer.weights
    }
    relu = lambda x: np.maximum(x, 0)  # noqa: E731
    state = np.zeros((2, 5))
    for t in range(7):
        h1 = relu(FRAMES[:, t] @ weights["hidden_1/kernel"] + weights["hidden_1/bias"])
        product = h1 @ weights["hidden_2/kernel"] + weights["hidden_2/bias"]
        state = relu(state @ weights["recurrence_2/recurrent_kernel"] + product)
        h3 = relu(state @ weights["hidden_3/kernel"] + weights["hidden_3/bias"])
        expected = h3 @ weights["output/kernel"] + weights["output/bias"]
        np.testing.assert_allclose(output[:, t], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("recurrent_layers", "parameters"),
    [((), 4_569_026), ((2,), 5_569_026), ((1, 2, 3), 7_569_026)],
)
def test_stack_has_the_papers_sizes(recurrent_layers, parameters):
    layer = DeepRecurrentStack(2 * 513, recurrent_layers=recurrent_layers)
    layer.build((None, None, 3 * 513))
    assert layer.count_params() == parameters


def test_stack_starts_as_in_the_authors_code():
    layer = DeepRecurrentStack(100, units=200, depth=2, recurrent_layers=(2,))
    layer.build((None, None, 300))
    limits = {
        "hidden_1/kernel": (6 / (300 + 200)) ** 0.5,
        "hidden_2/kernel": (6 / (200 + 2 * 200)) ** 0.5,
        "recurrence_2/recurrent_kernel": (6 / (3 * 200)) ** 0.5,
        "output/kernel": (6 / (200 + 100)) ** 0.5,
    }
    for weight in layer.weights:
        values = ops.convert_to_numpy(weight)
        limit = limits.get(weight.path.split("/", 1)[1], 0.0)
        assert np.abs(values).max() <= limit + 1e-7
        assert np.abs(values).max() >= 0.99 * limit


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"outputs": 0}, "outputs=0"),
        ({"outputs": 4, "units": 0}, "units=0"),
        ({"outputs": 4, "dropout": 1.0}, r"dropout=1\.0"),
        ({"outputs": 4, "depth": 2, "recurrent_layers": (3,)}, r"from 1 to 2; received \(3,\)"),
    ],
)
def test_stack_names_bad_arguments(arguments, message):
    with pytest.raises(UsageError, match=message):
        DeepRecurrentStack(**arguments)


def test_gradient_of_the_recurrence_is_that_of_its_loop():
    """The gradient is written by hand; the loop written plainly has the backend's own."""
    tf = pytest.importorskip("tensorflow")
    generator = np.random.default_rng(0)
    inputs, start = (
        tf.Variable(generator.normal(size=shape).astype("float32")) for shape in ((3, 7, 4), (3, 4))
    )
    layer = TemporalRecurrence()
    layer.build(inputs.shape)
    kernel = layer.recurrent_kernel.value

    def plain():
        state, states = start, []
        for frame in range(7):
            state = ops.relu(ops.matmul(state, kernel) + inputs[:, frame])
            states.append(state)
        return ops.stack(states, axis=1)

    def run(function):
        with tf.GradientTape() as tape:
            outputs = function()
            total = ops.sum(ops.sin(outputs))
        return [outputs, *tape.gradient(total, [inputs, start, kernel])]

    ours = tf.function(lambda: run(lambda: layer(inputs, initial_state=start, training=True)))()
    for one, other in zip(ours, run(plain), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
