from math import log

import keras
import numpy as np
import pytest
from keras import ops

from kerasvox.errors import UsageError
from kerasvox.models.drnn.discriminative_loss import DiscriminativeLoss

# One frame of two bins: targets y1 = (3, 1), y2 = (1, 2); estimates (2, 1) and (2, 2).
TARGETS = np.array([[3.0, 1.0], [1.0, 2.0]], "float32").reshape(1, 2, 1, 2)
ESTIMATES = np.array([[2.0, 1.0], [2.0, 2.0]], "float32").reshape(1, 2, 1, 2)


def test_squared_error_by_hand():
    # own: (1 + 0) + (1 + 0) = 2; other: |e1 - y2|^2 = 1 + 1, |e2 - y1|^2 = 1 + 1, so 4.
    for gamma in (0.0, 0.05, 1.0):
        loss = DiscriminativeLoss(gamma)(TARGETS, ESTIMATES)
        assert float(loss) == pytest.approx(0.5 * (2.0 - gamma * 4.0))


def test_kl_by_hand():
    c = 1e-3

    def divergence(target, estimate):
        return sum(
            y * log(y / (p + c) + c) - y + p + c for y, p in zip(target, estimate, strict=True)
        )

    own = divergence((3, 1), (2, 1)) + divergence((1, 2), (2, 2))
    other = divergence((1, 2), (2, 1)) + divergence((3, 1), (2, 2))
    for gamma in (0.0, 0.05, 1.0):
        loss = DiscriminativeLoss(gamma, divergence="kl")(TARGETS, ESTIMATES)
        assert float(loss) == pytest.approx(own - gamma * other, rel=1e-5)
    # Without the authors' constant it is 3 log 1.5 - 1 - log 2 + 1, the generalised KL divergence.
    assert own == pytest.approx(3 * log(1.5) - log(2.0), abs=0.02)


def test_loss_is_the_mean_over_frames_and_batch():
    batch = np.random.default_rng(0).uniform(size=(2, 3, 2, 5, 4)).astype("float32")
    whole = float(DiscriminativeLoss(0.3)(batch[0], batch[1]))
    parts = [
        float(
            DiscriminativeLoss(0.3)(
                batch[0, b : b + 1, :, t : t + 1], batch[1, b : b + 1, :, t : t + 1]
            )
        )
        for b in range(3)
        for t in range(5)
    ]
    assert whole == pytest.approx(np.mean(parts), rel=1e-5)


@pytest.mark.parametrize("divergence", ["squared_error", "kl"])
def test_gradient_equals_the_numerical_one(divergence):
    import tensorflow as tf

    generator = np.random.default_rng(1)
    targets = generator.uniform(0.2, 2, (1, 2, 2, 3))
    estimates = generator.uniform(0.2, 2, (1, 2, 2, 3))
    loss = DiscriminativeLoss(0.2, divergence, dtype="float64")
    variable = tf.Variable(estimates)
    with tf.GradientTape() as tape:
        value = loss(targets, variable)
    gradient = tape.gradient(value, variable).numpy()
    for index in np.ndindex(estimates.shape):
        step = np.zeros_like(estimates)
        step[index] = 1e-5
        rise = float(loss(targets, estimates + step)) - float(loss(targets, estimates - step))
        assert gradient[index] == pytest.approx(rise / 2e-5, rel=1e-5, abs=1e-8)


def test_squared_error_gradient_is_the_papers():
    """`(1 - gamma) p + gamma t_swapped - t` for each masked output, as in the authors' code."""
    import tensorflow as tf

    estimates = tf.Variable(ESTIMATES)
    with tf.GradientTape() as tape:
        value = DiscriminativeLoss(0.25)(TARGETS, estimates)
    expected = 0.75 * ESTIMATES + 0.25 * TARGETS[:, ::-1] - TARGETS
    np.testing.assert_allclose(tape.gradient(value, estimates), expected, atol=1e-6)


def test_silence_gives_a_finite_kl():
    zeros = np.zeros((1, 2, 2, 3), "float32")
    assert np.isfinite(float(DiscriminativeLoss(divergence="kl")(zeros, zeros)))


def test_round_trip():
    loss = DiscriminativeLoss(0.1, "kl")
    twin = keras.losses.deserialize(keras.losses.serialize(loss))
    assert twin.get_config() == loss.get_config()
    assert float(ops.abs(twin(TARGETS, ESTIMATES) - loss(TARGETS, ESTIMATES))) == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((-0.1,), "received -0.1"), ((1.1,), "received 1.1"), ((0.1, "l1"), "divergence 'l1'")],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(UsageError, match=message):
        DiscriminativeLoss(*arguments)
