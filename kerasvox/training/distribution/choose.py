"""From the command line's words to a distribution."""

from typing import TYPE_CHECKING

from kerasvox.errors import UsageError
from kerasvox.training.distribution.cluster import (
    Cluster,
    cluster_from_environment,
    cluster_from_options,
)

if TYPE_CHECKING:
    from kerasvox.training.distribution.one_device import OneDevice

# Keras is imported below, where it has to be: a wrong option need not wait for it.
STRATEGIES = ("auto", "none", "mirrored", "multi-worker")


def find_cluster(strategy: str, worker: int | None, workers: str | None) -> Cluster | None:
    """Return the cluster that a run spans, or None if it stays on one machine.

    Args:
        strategy: one of `STRATEGIES`. `"auto"` spans the machines of `--workers` or `TF_CONFIG`
            if there is more than one.
        worker: which of them this process is.
        workers: `HOST:PORT,...`.

    Raises:
        UsageError: if the strategy is unknown, there is no cluster for it or one that it does not
            use, or the cluster cannot be used.
    """
    if strategy not in STRATEGIES:
        raise UsageError(f"unknown strategy {strategy!r}; strategies are {', '.join(STRATEGIES)}")
    given = cluster_from_options(worker, workers)
    if strategy in ("none", "mirrored"):
        if given is not None:
            raise UsageError(f"--workers is for strategy multi-worker; this one is {strategy}")
        return None
    cluster = given or cluster_from_environment()
    if cluster is None and strategy == "multi-worker":
        raise UsageError(
            "strategy multi-worker: TF_CONFIG names no cluster; set it, or give --worker I and "
            "--workers HOST:PORT,HOST:PORT,... on every machine"
        )
    return cluster if cluster is not None and len(cluster.workers) > 1 else None


def choose(strategy: str, cluster: Cluster | None, timeout: float = 300.0) -> "OneDevice":
    """Return the distribution of a strategy; Keras starts here if it has not yet.

    Args:
        strategy: one of `STRATEGIES`. On one machine, `"auto"` takes all GPUs if there are several.
        cluster: from `find_cluster`.
        timeout: seconds to wait at the start for the other workers.

    Raises:
        UsageError: if the strategy needs another backend.
    """
    import keras

    backend = keras.config.backend()
    if backend != "tensorflow" and (
        cluster is not None or strategy in ("mirrored", "multi-worker")
    ):
        raise UsageError(
            f"strategy {strategy if cluster is None else 'multi-worker'} is TensorFlow only and "
            f"KERAS_BACKEND is {backend}; take --strategy none, or KERAS_BACKEND=tensorflow"
        )
    if cluster is not None:
        from kerasvox.training.distribution.multi_worker import MultiWorker

        return MultiWorker(cluster, timeout)
    if strategy == "mirrored" or (strategy != "none" and backend == "tensorflow" and _gpus() > 1):
        from kerasvox.training.distribution.mirrored import Mirrored

        return Mirrored()
    from kerasvox.training.distribution.one_device import OneDevice

    return OneDevice()


def _gpus() -> int:
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))
