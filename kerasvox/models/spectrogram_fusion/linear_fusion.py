"""Linear fusion of two spectrograms."""

from typing import Any

from keras import ops


def linear_fusion(spectrograms: Any) -> Any:
    """Return the mean of the mapping and the masking spectrogram (ICASSP 2020, Eq. 4).

    `spc_LSF = (spc_mapping + spc_masking) / 2`.

    Args:
        spectrograms: magnitudes `(batch, 2, frames, bins)`.

    Returns:
        `(batch, frames, bins)`.
    """
    return ops.mean(spectrograms, axis=1)
