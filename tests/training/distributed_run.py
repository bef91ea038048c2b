"""A training run in a process of its own, for the tests of distributed training.

    python distributed_run.py STRATEGY RECIPE DATA FOLDER [SPOILT]

runs `mirrored` on two logical CPUs, `unsummed` likewise but with gradients clipped as Keras does,
worker I of several, `I/HOST:PORT,HOST:PORT`, or the one of TF_CONFIG, `environment`; and leaves the
last weights in FOLDER.I.npz. SPOILT is the number of a step, from 0 on, in which this worker's rows
are not numbers.
"""

import socket
import sys
from pathlib import Path

import numpy as np

from kerasvox.errors import TrainingError
from kerasvox.training.distribution.choose import choose, find_cluster
from kerasvox.training.trainer import Trainer


def free_ports(count):
    """Addresses on this machine that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ",".join(f"127.0.0.1:{port}" for port in ports)


def steady(recipe):
    """Make a recipe one whose runs can be compared: six steps at Adam's usual rate.

    Other orders of the same sums differ by rounding, which the rate scales; and in a longer run
    some rectifier's input comes so near to zero that the rounding decides about a gradient.
    """
    text = recipe.read_text().replace("learning_rate: 0.01", "learning_rate: 0.001")
    recipe.write_text(text.replace("steps: 12", "steps: 6"))
    return recipe


class LastWeights(Trainer):
    """Keeps the weights after the last step: the preset has the best ones, and only the chief's."""

    def _fit(self, model):
        super()._fit(model)
        self.last_weights = [np.array(weight) for weight in self.separator.get_weights()]


def main(strategy, recipe, data, folder, spoilt=None):
    worker = 0
    if strategy in ("mirrored", "unsummed"):
        distribution = two_cpus(summed=strategy == "mirrored")
    else:
        number, _, workers = strategy.partition("/")
        given = (int(number), workers) if workers else (None, None)
        cluster = find_cluster("multi-worker", *given)
        worker = cluster.index
        distribution = choose("multi-worker", cluster, timeout=60)
    trainer = LastWeights(recipe, data, folder, distribution=distribution)
    if spoilt:
        spoil(trainer.batches, int(spoilt))
    trainer.run()
    np.savez(Path(f"{folder}.{worker}.npz"), *trainer.last_weights)


def spoil(batches, spoilt):
    sound = batches.batch

    def batch(step, *rows):
        return sound(step, *rows) * (np.float32(np.nan) if step == spoilt else 1)

    batches.batch = batch


def two_cpus(summed):
    import tensorflow as tf

    from kerasvox.training.distribution.mirrored import Mirrored

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    distribution = Mirrored(["CPU:0", "CPU:1"])
    if not summed:
        distribution.prepare_optimizer = lambda optimizer: None
    return distribution


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except TrainingError as error:
        sys.exit(str(error))
