"""Replicas against one device, and whether Keras still needs what is repaired here."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from distributed_run import LastWeights, free_ports, steady

from kerasvox.errors import UsageError
from kerasvox.training.distribution.one_device import OneDevice

RUN = Path(__file__).with_name("distributed_run.py")
# Keras' own fit, as its documentation has it; exits with 3 where it fails.
PLAIN_FIT = """
import os
import numpy as np, tensorflow as tf, keras
strategy = tf.distribute.MultiWorkerMirroredStrategy()
with strategy.scope():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
batch = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
data = tf.data.Dataset.from_tensors(batch).repeat()
options = tf.data.Options()
options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
try:
    model.fit(data.with_options(options), steps_per_epoch=2, epochs=1, verbose=0)
except Exception as error:
    print(type(error).__name__, error)
    os._exit(3)
os._exit(0)
"""

WITH_JAX = pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")


@pytest.fixture
def steady_recipe(recipe):
    return steady(recipe)


def differences(recipe, songs, folder, strategy):
    """How far the last weights of a distributed run are from those on one device."""
    alone = LastWeights(recipe, songs, folder / "alone")
    alone.run()
    command = [sys.executable, RUN, strategy, recipe, songs, folder / strategy]
    subprocess.run([str(part) for part in command], check=True, timeout=120, capture_output=True)
    with np.load(folder / f"{strategy}.0.npz") as weights:
        pairs = zip(weights.values(), alone.last_weights, strict=True)
        return max(np.abs(one - other).max() for one, other in pairs)


@pytest.mark.slow
def test_mirrored_equals_one_device(steady_recipe, songs, tmp_path):
    assert differences(steady_recipe, songs, tmp_path, "mirrored") < 1e-5


@pytest.mark.slow
def test_keras_still_clips_before_it_sums(steady_recipe, songs, tmp_path):
    difference = differences(steady_recipe, songs, tmp_path, "unsummed")
    assert difference > 1e-4, "Keras clips sums of gradients now: remove sum_before_clipping.py"


@pytest.mark.slow
def test_keras_fit_still_fails_with_several_workers(tmp_path):
    workers = free_ports(2).split(",")
    processes = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": workers}, "task": task})
        with (tmp_path / f"{index}.log").open("w") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-c", PLAIN_FIT],
                    env={**os.environ, "TF_CONFIG": config},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
    try:
        codes = [process.wait(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    logs = [(tmp_path / f"{index}.log").read_text() for index in range(2)]
    assert codes != [0, 0], "keras-team/keras#20585 is repaired: remove multi_worker_fit.py"
    assert 3 in codes, logs  # it failed in fit, and not on the way there


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("batch_size: 4", "batch_size: 3"), "batch_size is 3 and there are 2 replicas.*such as 4"),
        (("batch_size: 4", "batch_size: 1"), "batch_size is 1 and there are 2 replicas.*such as 2"),
        (
            ("learning_rate: 0.01", "gradient_accumulation_steps: 2"),
            "gradient_accumulation_steps is 2; with 2 replicas leave it out",
        ),
    ],
)
def test_recipes_that_replicas_cannot_train_are_named(recipe, songs, tmp_path, change, message):
    from kerasvox.training.distribution.mirrored import Mirrored

    recipe.write_text(recipe.read_text().replace(*change))
    with pytest.raises(UsageError, match=message):
        LastWeights(recipe, songs, tmp_path / "run", distribution=Mirrored(["CPU:0", "CPU:1"]))
    assert not (tmp_path / "run").exists()


@WITH_JAX
def test_one_device_does_not_import_tf_distribute():
    """The `none` path works under every backend: it knows nothing of TensorFlow."""
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from kerasvox.training.trainer import Trainer\n"
        "from kerasvox.training.distribution.choose import choose\n"
        "assert choose('auto', None).name == 'none'\n"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)
    assert OneDevice().is_chief


@WITH_JAX
@pytest.mark.parametrize("strategy", ["mirrored", "multi-worker"])
def test_other_backends_say_that_this_is_tensorflow_only(recipe, songs, tmp_path, strategy):
    arguments = ["--data", songs, "-o", tmp_path / "run", "--strategy", strategy]
    if strategy == "multi-worker":
        arguments += ["--workers", "a:1,b:2", "--worker", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "kerasvox.cli.main", "train", recipe, *arguments],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert f"strategy {strategy} is TensorFlow only and KERAS_BACKEND is jax" in done.stderr
    assert "Traceback" not in done.stderr
