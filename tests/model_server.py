"""A small exported model, and a model server as a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import requests

# The verbs are reached through the application, as users reach them.
KERASVOX = (sys.executable, "-m", "kerasvox.cli.main")
_START_SECONDS = 120


def export_tiny(directory: Path):
    """Export a tiny untrained separator to `directory/models/tiny/1`; return the separator."""
    import keras

    from kerasvox import DRNNSeparator
    from kerasvox.export.export import export

    keras.utils.set_random_seed(0)
    separator = DRNNSeparator(units=16)
    separator.build()
    separator.save_to_preset(directory / "tiny", dtype="float32")
    export(directory / "tiny", "savedmodel", directory / "models")
    return separator


def save_silencer(folder: Path) -> None:
    """Write a SavedModel that finds no vocals in anything: another version, quickly made."""
    import tensorflow as tf

    def silence(waveform):
        return {"vocals": 0 * waveform, "accompaniment": waveform}

    waveform = tf.TensorSpec([None, None], tf.float32, "waveform")
    function = tf.function(silence, autograph=False).get_concrete_function(waveform=waveform)
    module = tf.Module()
    module.function = function
    tf.saved_model.save(module, str(folder), signatures={"serving_default": function})


class ModelServer:
    """`kerasvox serve`, started on a free port and stopped at the end of a `with` block."""

    def __init__(self, models: Path, *options: str, log: Path):
        self.models = models
        self.log = log
        self._command = [*KERASVOX, "serve", str(models), "--engine", "embedded", "--port", "0"]
        self._command += options

    def __enter__(self):
        with self.log.open("w") as log:
            self.process = subprocess.Popen(self._command, stderr=log, stdout=log)
        self.url = self._wait_until_ready()
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def predict(self, model="tiny", **options):
        """Post to `:predict`; give either `json=` or `data=`."""
        return requests.post(f"{self.url}/v1/models/{model}:predict", timeout=60, **options)

    def get(self, path):
        return requests.get(f"{self.url}{path}", timeout=60)

    def stop(self, number=signal.SIGTERM):
        """Ask it to stop; return its exit code."""
        os.kill(self.process.pid, number)
        return self.process.wait(60)

    def _wait_until_ready(self):
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            ready = re.search(r"ready at (\S+)", self.log.read_text())
            if ready:
                return ready[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.__exit__()
        raise AssertionError(f"the server did not start: {self.log.read_text()}")


def wait_for(condition, seconds=30.0):
    """Wait until a condition holds; fail if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
