"""What a distribution makes of the errors that end a training."""

import subprocess
import sys

import pytest
import tensorflow as tf
from distributed_run import free_ports

from kerasvox.errors import TrainingError
from kerasvox.training.distribution.cluster import Cluster
from kerasvox.training.distribution.mirrored import Mirrored
from kerasvox.training.distribution.multi_worker import MultiWorker
from kerasvox.training.distribution.one_device import OneDevice

GONE = "is gone; start all workers again with --resume"
# The second worker has met the first one, and then ends.
ONE_THAT_STAYS = """
import sys
from kerasvox.training.distribution import multi_worker
from kerasvox.training.distribution.cluster import Cluster
from kerasvox.training.recipe import read_recipe
multi_worker.agree = lambda *facts: None
multi_worker._LEAST_LIMIT = 2.0
cluster = Cluster(tuple(sys.argv[2].split(",")), 0)
multi_worker.MultiWorker(cluster, timeout=1).start(read_recipe(sys.argv[1]), {})
"""


def two_workers():
    return MultiWorker(Cluster(("a:1", "b:2"), 0))


def failing(kind, message):
    def training():
        raise kind(None, None, message)

    return training


@tf.function
def too_large():
    return tf.reduce_sum(tf.random.uniform([2**45]))


@pytest.mark.parametrize("distribution", [OneDevice, lambda: Mirrored(["CPU:0"]), two_workers])
def test_too_little_memory_is_told_as_such(distribution):
    expected = r"too little memory \(OOM when .*shape.*\); take a smaller data.batch_size$"
    with pytest.raises(TrainingError, match=expected):
        distribution().run(too_large)


def test_jax_out_of_memory_is_told_as_such():
    def training():
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes.")

    with pytest.raises(TrainingError, match=r"Out of memory while .*; take a smaller data.batch"):
        OneDevice().run(training)


def test_a_full_disk_is_not_too_little_memory():
    with pytest.raises(tf.errors.ResourceExhaustedError):
        OneDevice().run(failing(tf.errors.ResourceExhaustedError, "x; No space left on device"))


@pytest.mark.parametrize(
    "kind",
    [
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
    ],
)
def test_a_worker_that_does_not_answer_is_gone(kind):
    with pytest.raises(TrainingError, match=f"another worker {GONE}"):
        two_workers().run(failing(kind, "RPC failed"))


def test_a_worker_that_an_error_names_is_gone():
    message = "from remote task /job:worker/replica:0/task:1"
    with pytest.raises(TrainingError, match=rf"worker 1 \(b:2\) {GONE}"):
        two_workers().run(failing(tf.errors.InternalError, message))


def test_other_errors_are_what_they_are():
    with pytest.raises(tf.errors.InvalidArgumentError):
        two_workers().run(failing(tf.errors.InvalidArgumentError, "shapes differ"))


@pytest.mark.slow
def test_a_worker_lost_before_tensorflow_starts_is_not_waited_for(recipe):
    command = [sys.executable, "-c", ONE_THAT_STAYS, str(recipe), free_ports(2)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "kerasvox: the workers met, but TensorFlow did not start within 2 s"
    )
    assert "Traceback" not in done.stderr
    assert "most recent call" not in done.stderr
