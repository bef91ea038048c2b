"""Oracle masks: what a perfect estimator could reach with a mask and the mixture's phase."""

from functools import cache

import numpy as np
from scipy.signal import ShortTimeFFT

from kerasvox.layers.windows import window

N_FFT = 1024
HOP = 512
MASKS = ("binary", "magnitude ratio", "power ratio")


def oracle_estimates(sources: np.ndarray, mask: str) -> np.ndarray:
    """Separate a mixture by the time-frequency mask that its true sources give.

    The mask of a source with magnitude a beside the other's b is [a > b], a / (a + b) or
    a^2 / (a^2 + b^2); it multiplies the mixture's complex spectrogram. Frames are cut by SciPy
    rather than by the model's own layer, because this needs no graph and runs beside the metric.

    Args:
        sources: vocals and accompaniment, `(2, samples)`.
        mask: `"binary"`, `"magnitude ratio"` or `"power ratio"`.

    Returns:
        The estimates, float64 `(2, samples)`; their sum is the mixture.
    """
    samples = sources.shape[-1]
    spectra = _transform().stft(np.asarray(sources, "float64"))
    vocals, accompaniment = np.abs(spectra)
    if mask == "binary":
        share = (vocals > accompaniment).astype("float64")
    elif mask in MASKS:
        power = 1 if mask == "magnitude ratio" else 2
        a, b = vocals**power, accompaniment**power
        share = np.divide(a, a + b, out=np.full_like(a, 0.5), where=a + b > 0)
    else:
        raise ValueError(f"unknown mask {mask!r}; masks are {', '.join(MASKS)}")
    mixture = spectra.sum(axis=0)
    masked = np.stack([share * mixture, (1 - share) * mixture])
    return _transform().istft(masked, k1=samples)


@cache
def _transform() -> ShortTimeFFT:
    """Return an STFT of 1024 points every 512 samples, with the sine window of the DRNN."""
    return ShortTimeFFT(window("sine", N_FFT), HOP, fs=1)
