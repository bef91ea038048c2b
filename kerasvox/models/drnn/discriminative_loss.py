"""The discriminative training objectives."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasvox.errors import UsageError

# The constant in the logarithm of the authors' code (its c2).
_KL_FLOOR = 1e-3


def squared_error(target: Any, estimate: Any) -> Any:
    """`1/2 (estimate - target)^2` an element (TASLP 2015, Eq. 7)."""
    return 0.5 * ops.square(estimate - target)


def generalized_kl(target: Any, estimate: Any) -> Any:
    """Generalised Kullback-Leibler divergence `D(target || estimate)` an element.

    `y log(y / p) - y + p` for magnitudes `y` and `p` (ISMIR 2014), in the form of the authors'
    code, which stays finite at zero: `y log(y / (p + c) + c) - y + p + c` with `c = 1e-3`.
    """
    ratio = target / (estimate + _KL_FLOOR) + _KL_FLOOR
    return target * ops.log(ratio) - target + estimate + _KL_FLOOR


_DIVERGENCES: dict[str, Callable[[Any, Any], Any]] = {
    "squared_error": squared_error,
    "kl": generalized_kl,
}


@keras.saving.register_keras_serializable(package="kerasvox")
class DiscriminativeLoss(keras.losses.Loss):
    """Be close to the own source and far from the other one (TASLP 2015, Eq. 11; Eq. 7 at gamma 0).

    `J = d(y_1, y~_1) - gamma d(y_2, y~_1) + d(y_2, y~_2) - gamma d(y_1, y~_2)`, summed over the
    bins of a frame; `d` is the squared error (with the 1/2 of TASLP) or the generalised KL
    divergence (of ISMIR 2014). Keras' reduction then averages over frames and batch.

    Args:
        gamma: float in [0, 1]. Weight of the discriminative term; 0 trains without it. The
            authors' code uses 0.05.
        divergence: str. `"squared_error"` or `"kl"`.

    Input shape:
        y_true, y_pred: magnitudes `(batch, 2, frames, bins)`.

    Raises:
        UsageError: if gamma is out of range or the divergence unknown.

    Example:

    ```python
    loss = DiscriminativeLoss(gamma=0.05)(sources, estimates)
    ```
    """

    def __init__(
        self,
        gamma: float = 0.05,
        divergence: str = "squared_error",
        name: str = "discriminative_loss",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        if not 0.0 <= gamma <= 1.0:
            raise UsageError(f"gamma lies between 0 and 1; received {gamma}")
        if divergence not in _DIVERGENCES:
            known = ", ".join(_DIVERGENCES)
            raise UsageError(f"unknown divergence {divergence!r}; divergences are {known}")
        self.gamma = gamma
        self.divergence = divergence

    def call(self, y_true: Any, y_pred: Any) -> Any:
        distance = _DIVERGENCES[self.divergence]
        to_own = distance(y_true, y_pred)
        to_other = distance(ops.flip(y_true, axis=1), y_pred)
        return ops.sum(to_own - self.gamma * to_other, axis=(1, 3))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gamma": self.gamma, "divergence": self.divergence}
