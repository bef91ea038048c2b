"""Training on the GPUs of one machine."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from kerasvox.backend import quiet_libraries
from kerasvox.training.distribution.replicated import Replicated, require_usable
from kerasvox.training.sections import Recipe


class Mirrored(Replicated):
    """`--strategy mirrored`: tf.distribute.MirroredStrategy.

    Args:
        devices: such as `["GPU:0", "GPU:1"]`; all GPUs by default, or the CPU where there is none.
    """

    name = "mirrored"

    def __init__(self, devices: Sequence[str] | None = None):
        super().__init__()
        # Given by name: without names the strategy would look into TF_CONFIG for some.
        self.devices = list(devices or _all_gpus() or ["CPU:0"])
        self.replicas = len(self.devices)

    def start(self, recipe: Recipe, facts: Mapping[str, Any]) -> None:
        require_usable(recipe, self.replicas)
        with quiet_libraries():
            self.strategy = tf.distribute.MirroredStrategy(self.devices)


def _all_gpus() -> list[str]:
    return [f"GPU:{index}" for index, _ in enumerate(tf.config.list_logical_devices("GPU"))]
