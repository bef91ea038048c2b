import keras
import numpy as np
import pytest

from kerasvox.errors import UsageError
from kerasvox.models.spectrogram_fusion.minimum_difference_mask_loss import (
    MinimumDifferenceMaskLoss,
)
from kerasvox.models.spectrogram_fusion.multi_task_loss import MultiTaskLoss

# One frame of two bins.
CLEAN = [2.0, 1.0]
SOURCES = np.array([CLEAN, [9.0, 9.0]], "float32").reshape(1, 2, 1, 2)
FIRST = [[1.0, 1.0], [4.0, 2.0]]  # errors 1 and 4 + 1 = 5
SELECTED = [[1.0, 3.0], [4.0, 1.5]]  # labels: mapping (1, 0), masking (0, 1)
MASKS = [[0.5, 0.25], [0.5, 1.0]]  # errors .25 + .0625 and .25 + 0 = 0.5625
SECOND = [[2.0, 2.0], [0.0, 1.0]]  # errors 1 and 4
# fused: .5 * 1 + .5 * 4 = 2.5 and .25 * 3 + 1 * 1.5 = 2.25: error .25 + 1.5625 = 1.8125
PREDICTIONS = np.array([*FIRST, *SELECTED, *MASKS, *SECOND], "float32").reshape(1, 8, 1, 2)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 2.5])
def test_multi_task_loss_by_hand(alpha):
    loss = MultiTaskLoss(alpha)(SOURCES, PREDICTIONS[:, :2])
    assert float(loss) == pytest.approx(1.0 + alpha * 5.0)


@pytest.mark.parametrize("beta", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("gamma", [0.0, 1.0, 0.7])
def test_minimum_difference_mask_loss_by_hand(beta, gamma):
    loss = MinimumDifferenceMaskLoss(beta, gamma)(SOURCES, PREDICTIONS)
    assert float(loss) == pytest.approx(0.5625 + beta * 5.0 + gamma * 1.8125)


def test_the_first_stage_adds_its_own_loss():
    alone = float(MinimumDifferenceMaskLoss()(SOURCES, PREDICTIONS))
    joint = float(MinimumDifferenceMaskLoss(first_stage=0.5, alpha=2.0)(SOURCES, PREDICTIONS))
    assert joint - alone == pytest.approx(0.5 * (1.0 + 2.0 * 5.0))


@pytest.mark.parametrize(
    ("loss", "count"),
    [
        (MultiTaskLoss(0.7), 2),
        (MinimumDifferenceMaskLoss(0.5, 0.8, first_stage=0.3, alpha=0.6), 8),
    ],
)
def test_gradient_is_that_of_small_steps(loss, count):
    import tensorflow as tf

    generator = np.random.default_rng(0)
    sources = generator.uniform(0, 2, size=(2, 2, 3, 4)).astype("float32")
    point = generator.uniform(0.1, 2, size=(2, count, 3, 4)).astype("float32")
    step = generator.normal(size=point.shape).astype("float32")
    variable = tf.Variable(point)
    with tf.GradientTape() as tape:
        value = loss(sources, variable)
    slope = float(np.sum(tape.gradient(value, variable).numpy() * step))
    size = 1e-3
    ahead, behind = (float(loss(sources, point + sign * size * step)) for sign in (1, -1))
    assert slope == pytest.approx((ahead - behind) / (2 * size), rel=0.02)


def test_no_gradient_flows_through_labels():
    """With beta and gamma 0 the selected spectrograms decide the labels and nothing else."""
    import tensorflow as tf

    variable = tf.Variable(PREDICTIONS)
    with tf.GradientTape() as tape:
        value = MinimumDifferenceMaskLoss(beta=0.0)(SOURCES, variable)
    gradient = tape.gradient(value, variable).numpy()
    assert np.abs(gradient[:, 4:6]).max() > 0
    gradient[:, 4:6] = 0
    assert not gradient.any()


@pytest.mark.parametrize("kind", [MultiTaskLoss, MinimumDifferenceMaskLoss])
def test_silence_has_a_loss_of_zero_but_for_the_masks(kind):
    count = 2 if kind is MultiTaskLoss else 8
    assert float(kind()(np.zeros((1, 2, 3, 4)), np.zeros((1, count, 3, 4)))) in (0.0, 4.0)


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (MultiTaskLoss, "alpha"),
        *((MinimumDifferenceMaskLoss, name) for name in ("beta", "gamma", "first_stage", "alpha")),
    ],
)
def test_weights_out_of_range_are_named(kind, name, value):
    with pytest.raises(UsageError, match=f"{name} is a weight, 0 or more; received {value}"):
        kind(**{name: value})


@pytest.mark.parametrize(
    "loss", [MultiTaskLoss(0.3), MinimumDifferenceMaskLoss(0.2, 0.4, first_stage=0.6, alpha=0.8)]
)
def test_losses_survive_serialisation(loss):
    twin = keras.losses.deserialize(keras.losses.serialize(loss))
    assert twin.get_config() == loss.get_config()
