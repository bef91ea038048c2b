import numpy as np
from keras import ops
from layer_checks import check_layer

from kerasvox.layers.time_frequency_mask import TimeFrequencyMask


def test_mask_is_a_well_behaved_layer(tmp_path):
    generator = np.random.default_rng(0)
    estimates = generator.normal(size=(2, 2, 5, 4)).astype("float32")
    mixture = generator.uniform(size=(2, 5, 4)).astype("float32")
    check_layer(
        TimeFrequencyMask(), [estimates, mixture], (2, 2, 5, 4), float32_always=True, path=tmp_path
    )


def test_mask_is_the_ratio_of_absolute_values():
    estimates = np.array([1.0, -3.0], "float32").reshape(1, 2, 1, 1)
    masked = TimeFrequencyMask()(estimates, np.full((1, 1, 1), 8.0, "float32"))
    np.testing.assert_allclose(ops.convert_to_numpy(masked).ravel(), [2.0, 6.0], rtol=1e-6)


def test_estimates_sum_to_the_mixture_also_where_all_vanish():
    generator = np.random.default_rng(0)
    estimates = generator.normal(size=(1, 2, 50, 9)).astype("float32")
    estimates[:, :, 10:20] = 0.0
    mixture = generator.uniform(0, 5, (1, 50, 9)).astype("float32")
    masked = ops.convert_to_numpy(TimeFrequencyMask()(estimates, mixture))
    np.testing.assert_allclose(masked.sum(axis=1), mixture, rtol=1e-6)
    np.testing.assert_allclose(masked[:, 0, 10:20], mixture[:, 10:20] / 2, rtol=1e-6)
