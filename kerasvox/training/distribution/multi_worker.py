"""Training on several machines."""

import re
import signal
import threading
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

import keras
import tensorflow as tf

import kerasvox
from kerasvox.backend import quiet_libraries
from kerasvox.errors import TrainingError
from kerasvox.models.separator import Separator
from kerasvox.training.distribution.agreement import agree
from kerasvox.training.distribution.cluster import Cluster
from kerasvox.training.distribution.follow_chief import FollowChief
from kerasvox.training.distribution.multi_worker_fit import MultiWorkerFit
from kerasvox.training.distribution.replicated import Replicated, require_usable
from kerasvox.training.distribution.time_limit import time_limit
from kerasvox.training.magnitude_training import MagnitudeTraining
from kerasvox.training.sections import Recipe

_TASK = re.compile(r"/job:worker/replica:\d+/task:(\d+)")
# What TensorFlow says when another process does not answer.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
_LEAST_LIMIT = 60.0  # seconds; TensorFlow looks for its devices as well while it starts


class MultiWorkerTraining(MultiWorkerFit, MagnitudeTraining):
    """`MagnitudeTraining` with the repaired `fit`."""


class MultiWorker(Replicated):
    """`--strategy multi-worker`: tf.distribute.MultiWorkerMirroredStrategy, one process a machine.

    Args:
        cluster: the workers, and which one this is.
        timeout: seconds to wait at the start for the others.
    """

    name = "multi-worker"

    def __init__(self, cluster: Cluster, timeout: float = 300.0):
        super().__init__()
        self.cluster = cluster
        self.timeout = timeout
        self.worker, self.workers = cluster.index, len(cluster.workers)
        self.is_chief = cluster.index == 0
        # Every worker has as many devices: start() checks it.
        with quiet_libraries():
            self.devices = len(tf.config.list_physical_devices("GPU")) or 1
        self.replicas = self.workers * self.devices

    def start(self, recipe: Recipe, facts: Mapping[str, Any]) -> None:
        require_usable(recipe, self.replicas)
        agree(self.cluster, {**_versions(), "devices": self.devices, **facts}, self.timeout)
        self.cluster.export()
        self.run(self._connect)

    def training_model(self, separator: Separator) -> MagnitudeTraining:
        return MultiWorkerTraining(separator)

    def callbacks(self) -> list[keras.callbacks.Callback]:
        return [FollowChief(self._from_chief)]

    def run(self, training: Callable[[], None]) -> None:
        try:
            super().run(training)
        except (tf.errors.OpError, RuntimeError) as error:
            gone = {int(task) for task in _TASK.findall(str(error))} - {self.worker}
            if not gone and not isinstance(error, _LOST):
                raise
            names = ", ".join(map(self.cluster.describe, sorted(gone))) or "another worker"
            raise TrainingError(
                f"{names} is gone; start all workers again with --resume to go on from the last "
                "checkpoint"
            ) from error

    def finish(self) -> None:
        self._from_chief(0.0)

    def _connect(self) -> None:
        limit = max(self.timeout, _LEAST_LIMIT)
        late = (
            f"the workers met, but TensorFlow did not start within {limit:g} s; see which worker "
            "has ended and why, and start all of them again"
        )
        on_sigterm = signal.getsignal(signal.SIGTERM)
        with time_limit(limit, late), quiet_libraries():
            self.strategy = tf.distribute.MultiWorkerMirroredStrategy()
        if threading.current_thread() is threading.main_thread():
            # TensorFlow took it to note that this machine goes away, and the process would stay.
            signal.signal(signal.SIGTERM, on_sigterm)

    def _from_chief(self, value: float) -> float:
        """Return the chief's value; every worker waits here for the others."""
        total = self._sum(tf.constant(value / self.devices if self.is_chief else 0.0))
        return float(self.strategy.experimental_local_results(total)[0])

    @tf.function
    def _sum(self, value: tf.Tensor) -> tf.Tensor:
        """Sum over all replicas."""

        def of_replica(value: tf.Tensor) -> tf.Tensor:
            # A copy lies on the replica's device, from where the collective takes it.
            return tf.distribute.get_replica_context().all_reduce("sum", tf.identity(value))

        return self.strategy.run(of_replica, args=(value,))


def _versions() -> dict[str, str]:
    return {
        "kerasvox": kerasvox.__version__,
        "keras": keras.__version__,
        "tensorflow": metadata.version("tensorflow"),
    }
