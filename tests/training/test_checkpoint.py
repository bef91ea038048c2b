import errno
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from checkpoint_arrays import arrays, newest, state
from file_limit import no_file_above

from kerasvox.errors import TrainingError, UsageError
from kerasvox.training.checkpoint import Checkpoint, load_checkpoint, newest_state
from kerasvox.training.checkpoint_files import write_checkpoint
from kerasvox.training.trainer import Trainer


@pytest.fixture
def model():
    """A compiled model with dropout that has learnt for a step."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.1), "mse", run_eagerly=True)
    learn(model)
    return model


def learn(model):
    x = np.arange(16, dtype="float32").reshape(2, 8) / 16
    return float(model.train_on_batch(x, x[:, :1]))


def save(callback, model, scores):
    """Save a checkpoint an epoch, as `fit` does, with steps of 10 and these scores."""
    callback.set_model(model)
    callback.set_params({"steps": 10})
    for epoch, score in enumerate(scores):
        means = {"vocals": {"GNSDR": score}}
        row = {"epoch": epoch + 1, "dev_vocals_GNSDR": score}
        callback.state.setdefault("history", []).append(row)
        best = callback.state.get("best")
        if best is None or score > best["dev"]["vocals"]["GNSDR"]:
            step = 10 * (epoch + 1)
            callback.state["best"] = {"epoch": epoch + 1, "step": step, "dev": means}
        callback.on_epoch_end(epoch)
    return callback.directory


def kept(directory):
    return [int(path.name[5:]) for path in sorted(directory.iterdir())]


def test_training_goes_on_from_a_checkpoint_to_the_bit(model, tmp_path):
    write_checkpoint(model, tmp_path, {"step": 10})
    losses = [learn(model) for _ in range(3)]
    for seed in (variable for variable in model.variables if "seed" in variable.path):
        seed.assign([7, 7])
    load_checkpoint(model, tmp_path, 10)
    assert [learn(model) for _ in range(3)] == losses
    # Without the dropout's generator, which Keras' weights file lacks, they would differ.
    load_checkpoint(model, tmp_path, 10)
    next(variable for variable in model.variables if "seed" in variable.path).assign([7, 7])
    assert [learn(model) for _ in range(3)] != losses


def test_the_last_two_are_kept_and_the_best_of_each(model, tmp_path):
    directory = save(Checkpoint(tmp_path / "c", {}), model, [3, 1, 2])
    assert kept(directory) == [10, 20, 30]
    # From 30 one must be able to go on, so its best stays even though 40 is better.
    directory = save(Checkpoint(tmp_path / "d", {}), model, [3, 1, 2, 4])
    assert kept(directory) == [10, 30, 40]
    directory = save(Checkpoint(tmp_path / "e", {}), model, [3, 1, 2, 4, 0])
    assert kept(directory) == [40, 50]


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


DAMAGES = {
    "flipped weights": (
        flip,
        "training.weights.h5",
        "training.weights.h5 does not have the sha256",
    ),
    "cut weights": (cut, "training.weights.h5", "training.weights.h5 does not have the sha256"),
    "no weights": (Path.unlink, "training.weights.h5", "training.weights.h5 is missing"),
    "flipped state": (flip, "state.json", "state.json does not have the sha256"),
    "no state": (Path.unlink, "state.json", "state.json is missing"),
    "no sums": (Path.unlink, "SHA256SUMS", "SHA256SUMS is missing"),
    "cut sums": (cut, "SHA256SUMS", "SHA256SUMS is incomplete"),
    "binary sums": (lambda path: path.write_bytes(b"\xff\xfe"), "SHA256SUMS", "it is no text"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_one_is_told_and_the_one_before_used(model, tmp_path, capsys, damage):
    directory = save(Checkpoint(tmp_path / "c", {}), model, [1, 2])
    harm, file, message = DAMAGES[damage]
    harm(directory / "step_00000020" / file)
    found = newest_state(directory)
    assert (found["step"], found["epoch"], found["best"]["step"]) == (10, 1, 10)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"step_00000020 is damaged: {message}" in line
    assert "from step 10" in line
    with pytest.raises(TrainingError, match="step_00000020: is damaged"):
        load_checkpoint(model, directory, 20)
    # Training again up to there puts a whole one in its place.
    callback = Checkpoint(directory, found)
    callback.set_model(model)
    callback.set_params({"steps": 10})
    callback.on_epoch_end(1)
    assert newest_state(directory)["step"] == 20


def test_damaged_everywhere_is_one_clear_error(model, tmp_path):
    directory = save(Checkpoint(tmp_path / "c", {}), model, [1, 2])
    for folder in directory.iterdir():
        flip(folder / "training.weights.h5")
    with pytest.raises(
        TrainingError, match=r"no checkpoint is whole.*step_00000010.*00000020"
    ) as e:
        newest_state(directory)
    assert "\n" not in str(e.value)
    assert newest_state(tmp_path / "none") is None


def test_the_best_one_left_replaces_a_damaged_best(model, tmp_path, capsys):
    directory = save(Checkpoint(tmp_path / "c", {}), model, [3, 1, 2])
    cut(directory / "step_00000010" / "training.weights.h5")
    best = newest_state(directory)["best"]
    assert best == {"epoch": 3, "step": 30, "dev": {"vocals": {"GNSDR": 2}}}
    assert "the best one left is that of step 30" in capsys.readouterr().err.splitlines()[-1]


def test_checkpoints_of_the_first_release_are_read(model, tmp_path):
    directory = save(Checkpoint(tmp_path / "c", {}), model, [1, 2])
    for folder in directory.iterdir():
        (folder / "SHA256SUMS").unlink()
        old = state(folder)
        del old["sums"], old["seeds"]
        (folder / "state.json").write_text(json.dumps(old))
    assert newest_state(directory)["step"] == 20
    load_checkpoint(model, directory, 20)
    cut(directory / "step_00000020" / "training.weights.h5")
    assert newest_state(directory)["step"] == 10


def test_what_a_kill_left_is_removed(model, tmp_path):
    directory = save(Checkpoint(tmp_path / "c", {}), model, [1])
    (directory / "partial").mkdir()
    (directory / "partial" / "training.weights.h5").write_bytes(b"half")
    (directory / "removed_step_00000005").mkdir()
    assert newest_state(directory)["step"] == 10
    write_checkpoint(model, directory, {"step": 20})
    assert kept(directory) == [10, 20]


@pytest.mark.parametrize("content", ["[]", "{}", '{"best": 3}', "3"])
def test_a_state_of_the_first_release_that_is_none_is_damaged(model, tmp_path, capsys, content):
    directory = save(Checkpoint(tmp_path / "c", {}), model, [1, 2])
    newest = directory / "step_00000020"
    (newest / "SHA256SUMS").unlink()
    (newest / "state.json").write_text(content)
    found = newest_state(directory)
    assert found["step"] == 10
    (line,) = capsys.readouterr().err.splitlines()
    assert "step_00000020 is damaged: state.json holds no state of a run" in line
    callback = Checkpoint(directory, found)
    save(callback, model, [1, 2, 3])
    assert kept(directory) == [20, 30]


def test_a_copy_that_a_user_made_is_no_checkpoint(model, tmp_path):
    callback = Checkpoint(tmp_path / "c", {})
    directory = save(callback, model, [2, 1])
    copy = shutil.copytree(directory / "step_00000020", directory / "step_00000020.bak")
    callback.on_epoch_end(2)
    shutil.rmtree(copy)
    assert kept(directory) == [10, 20, 30]


def test_old_ones_that_cannot_be_removed_keep_none_from_being_saved(
    model, tmp_path, capsys, monkeypatch
):
    def refuse(path, ignore_errors=False):
        if not ignore_errors:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    callback = Checkpoint(tmp_path / "c", {})
    save(callback, model, [1, 2])
    monkeypatch.setattr(shutil, "rmtree", refuse)
    for epoch in (2, 3):
        callback.state["best"] = {"epoch": epoch + 1, "step": 10 * (epoch + 1)}
        callback.on_epoch_end(epoch)
        assert newest_state(callback.directory)["best"]["step"] == 10 * (epoch + 1)
        (line,) = capsys.readouterr().err.splitlines()
        assert f"step {10 * (epoch + 1)}: saved, but older checkpoints could not be" in line
    assert "fault" not in callback.state


@pytest.mark.parametrize("size", [100, 5000])
def test_a_checkpoint_that_cannot_be_written_leaves_those_before(model, tmp_path, capsys, size):
    callback = Checkpoint(tmp_path / "c", {})
    directory = save(callback, model, [1])
    before = arrays(directory / "step_00000010")
    callback.state["best"] = {"epoch": 2, "step": 20, "dev": {"vocals": {"GNSDR": 2.0}}}
    with no_file_above(size):
        callback.on_epoch_end(1)
    (line,) = capsys.readouterr().err.splitlines()
    assert "step 20: the checkpoint could not be saved" in line
    assert os.strerror(errno.EFBIG) in line
    assert kept(directory) == [10]
    assert arrays(directory / "step_00000010") == before
    assert callback.state["best"]["step"] == 10  # the next one that is better is kept, then
    callback.on_epoch_end(2)
    assert newest_state(directory)["step"] == 30


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with room for 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if sys.platform != "linux" or os.geteuid() or subprocess.call(mount, stderr=-3):
        pytest.skip("only the superuser of Linux can mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_does_not_end_a_run(recipe, songs, small_disk, capsys, monkeypatch):
    original = Checkpoint.on_epoch_end

    def fill_meanwhile(self, epoch, logs=None):
        filler = small_disk / "filler"
        if epoch == 1:
            with open(filler, "wb", buffering=0) as file:
                while file.write(bytes(4096)) == 4096:
                    if not os.statvfs(small_disk).f_bavail:
                        break
        original(self, epoch, logs)
        filler.unlink(missing_ok=True)

    monkeypatch.setattr(Checkpoint, "on_epoch_end", fill_meanwhile)
    run = Trainer(recipe, songs, small_disk / "run").run()
    lines = [line for line in capsys.readouterr().err.splitlines() if "kerasvox:" in line]
    assert len(lines) == 1
    assert "step 6: the checkpoint could not be saved" in lines[0]
    assert os.strerror(errno.ENOSPC) in lines[0]
    assert newest(run).name == "step_00000012"
    assert (run / "logs" / "training.csv").read_text().count("\n") == 5


def test_checkpoints_that_cannot_be_written_are_found_out_at_the_start(recipe, songs, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "checkpoints").write_text("")
    with pytest.raises(UsageError, match=r"run: cannot be written \(.*checkpoints"):
        Trainer(recipe, songs, run)


def test_a_run_that_saved_nothing_says_why(recipe, songs, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr("kerasvox.training.checkpoint.write_checkpoint", refuse)
    with pytest.raises(TrainingError, match=r"no checkpoint could be saved \(.*quota exceeded"):
        Trainer(recipe, songs, tmp_path / "run").run()


OPTIONS = """
model: {units: 16, n_fft: 256, hop: 128, dropout: 0.3}
optimizer:
  learning_rate: 0.01
  schedule: plateau
  ema_momentum: 0.9
  gradient_accumulation_steps: 2
early_stopping: {patience: 3}
"""


@pytest.mark.slow
def test_killed_runs_end_as_an_undisturbed_one_to_the_bit(recipe, songs, tmp_path):
    lines = recipe.read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith(("model", "optimizer")))
    recipe.write_text(text + OPTIONS)
    whole = Trainer(recipe, songs, tmp_path / "whole").run()
    killed = tmp_path / "killed"
    for _ in range(2):
        kill_after_a_checkpoint(recipe, songs, killed)
    resumed = Trainer(recipe, songs, killed, resume=True)
    assert 0 < resumed.state["step"] <= 12
    assert resumed.state["plateau"]["best"] == resumed.state["early_stopping"]["best"]
    resumed.run()
    assert arrays(newest(whole)) == arrays(newest(killed))
    assert state(newest(whole)) | {"software": 0} == state(newest(killed)) | {"software": 0}
    assert (whole / "SHA256SUMS").read_text() == (killed / "SHA256SUMS").read_text()
    assert (whole / "logs" / "training.csv").read_text() == (
        killed / "logs" / "training.csv"
    ).read_text()


def kill_after_a_checkpoint(recipe, songs, run):
    """Train in another process, and kill it at some moment after it saved a checkpoint."""
    there = set(run.glob("checkpoints/step_*"))
    command = [sys.executable, "-m", "kerasvox.cli.main", "train", recipe, "--data", songs, "-o"]
    process = subprocess.Popen([*command, run, "--resume"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not set(run.glob("checkpoints/step_*")) - there:
        assert time.monotonic() < deadline
        if process.poll() is not None:
            break  # the first one had come to its end before it was killed
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.3))
    process.kill()
    process.wait()
