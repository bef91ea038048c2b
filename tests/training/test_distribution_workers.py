"""Two real workers on this machine."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from distributed_run import LastWeights, free_ports, steady

from kerasvox import presets

RUN = Path(__file__).with_name("distributed_run.py")
LIMIT = 150
pytestmark = pytest.mark.slow


@pytest.fixture
def steady_recipe(recipe):
    return steady(recipe)


@pytest.fixture
def start():
    """Start processes; those that still run when the test ends are killed."""
    processes = []

    def begin(*command, **environment):
        process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
            | {"TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def train(start, recipe, songs, folder, workers, index, *more):
    verb = "-m", "kerasvox.cli.main", "train"
    where = "--data", songs, "-o", folder, "--workers", workers, "--worker", index
    return start(*verb, recipe, *where, *more)


def test_two_workers_equal_one_process(steady_recipe, songs, tmp_path, start):
    workers = free_ports(2)
    processes = [
        start(RUN, f"{index}/{workers}", steady_recipe, songs, tmp_path / "two")
        for index in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == 0, errors
    alone = LastWeights(steady_recipe, songs, tmp_path / "one")
    alone.run()
    files = [tmp_path / f"two.{index}.npz" for index in range(2)]
    assert presets.sha256(files[0]) == presets.sha256(files[1])
    with np.load(files[0]) as weights:
        for one, other in zip(weights.values(), alone.last_weights, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
    rows = [read_log(tmp_path / name) for name in ("two", "one")]
    for one, other in zip(*rows, strict=True):
        for name in one:
            assert float(one[name]) == pytest.approx(float(other[name]), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_worker_stops_the_other_and_both_resume(
    steady_recipe, songs, tmp_path, start, killed
):
    left = 1 - killed
    text = steady_recipe.read_text()
    steady_recipe.write_text(text.replace("steps: 6", "steps: 60").replace("epoch: 3", "epoch: 20"))
    folder = tmp_path / "two"
    workers = free_ports(2)
    first = [train(start, steady_recipe, songs, folder, workers, index) for index in range(2)]
    deadline = time.monotonic() + LIMIT
    while not list(folder.glob("checkpoints/step_*")):
        assert time.monotonic() < deadline
        assert first[0].poll() is None, first[0].communicate()
        time.sleep(0.02)
    first[killed].send_signal(signal.SIGKILL)
    began = time.monotonic()
    _, errors = first[left].communicate(timeout=LIMIT)
    assert time.monotonic() - began < 60
    address = workers.split(",")[killed]
    gone = f"worker {killed} ({address}) is gone; start all workers again with --resume"
    assert first[left].returncode == 1
    assert gone in errors.splitlines()[-1]
    assert "Traceback" not in errors

    workers = free_ports(2)
    again = [
        train(start, steady_recipe, songs, folder, workers, index, "--resume") for index in range(2)
    ]
    for process in again:
        _, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == 0, errors
    alone = LastWeights(steady_recipe, songs, tmp_path / "one")
    alone.run()
    assert [int(row["epoch"]) for row in read_log(folder)] == [1, 2, 3]
    resumed, whole = (last_checkpoint(place) for place in (folder, tmp_path / "one"))
    assert resumed.keys() == whole.keys()
    differences = np.concatenate([np.abs(resumed[name] - whole[name]).ravel() for name in whole])
    # Sixty steps are enough for rounding to decide about a gradient here and there, see `steady`.
    assert np.mean(differences < 1e-5) > 0.99
    assert differences.max() < 2e-3


@pytest.mark.parametrize("count", [1, 2])
def test_sigterm_ends_a_worker_as_ctrl_c_does(recipe, songs, tmp_path, start, count):
    recipe.write_text(recipe.read_text().replace("steps: 12", "steps: 6000"))
    folder = tmp_path / "run"
    workers = free_ports(count)
    processes = [train(start, recipe, songs, folder, workers, index) for index in range(count)]
    deadline = time.monotonic() + LIMIT
    while not list(folder.glob("checkpoints/step_*")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    processes[-1].terminate()
    _, errors = processes[-1].communicate(timeout=LIMIT)
    assert processes[-1].returncode == 143
    assert errors.splitlines()[-1] == f"kerasvox: stopped; go on with --resume -o {folder}"
    assert "Traceback" not in errors


def test_what_is_not_finite_on_one_worker_is_not_saved(steady_recipe, songs, tmp_path, start):
    workers = free_ports(2)
    run = steady_recipe, songs, tmp_path / "run"
    # The last step of the second epoch: nobody's loss tells of it but that of worker 1.
    processes = [start(RUN, f"0/{workers}", *run), start(RUN, f"1/{workers}", *run, 5)]
    for process in processes:
        _, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == 1
        assert "training diverged: the loss of step 6 is nan" in errors.splitlines()[-1], errors
        assert "Traceback" not in errors
    saved = list((tmp_path / "run" / "checkpoints").iterdir())
    assert [path.name for path in saved] == ["step_00000003"]


def test_workers_of_tf_config_follow_the_dev_scores_together(steady_recipe, songs, tmp_path, start):
    # At this rate the score soon falls: the rate is halved, and when that is no help the run ends.
    text = steady_recipe.read_text().replace("steps: 6", "steps: 60")
    text = text.replace("learning_rate: 0.001", "learning_rate: 0.05, schedule: plateau")
    steady_recipe.write_text(text + "early_stopping: {patience: 2}\n")
    folder = tmp_path / "two"
    addresses = free_ports(2).split(",")
    processes = []
    for index in range(2):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        run = RUN, "environment", steady_recipe, songs, folder
        processes.append(start(*run, TF_CONFIG=json.dumps(task)))
    for process in processes:
        _, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == 0, errors
    rows = read_log(folder)
    scores = [float(row["dev_vocals_GNSDR"]) for row in rows]
    assert len(rows) < 20
    assert len(rows) == 1 + int(np.argmax(scores)) + 2
    assert float(rows[-1]["learning_rate"]) < 0.049
    # A rate of its own would have led one of them elsewhere.
    assert len({presets.sha256(tmp_path / f"two.{index}.npz") for index in range(2)}) == 1


def test_a_worker_with_another_recipe_is_named_on_both(recipe, songs, tmp_path, start):
    other = tmp_path / "other.yaml"
    other.write_text(recipe.read_text().replace("seed: 3", "seed: 4"))
    workers = free_ports(2)
    processes = [
        train(start, text, songs, tmp_path / "run", workers, index)
        for index, text in enumerate((recipe, other))
    ]
    for process in processes:
        _, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == 1
        assert errors == "kerasvox: worker 1 differs from worker 0 in recipe.seed (4, not 3)\n"
    assert not (tmp_path / "run").exists()


def test_a_worker_with_other_data_is_named_on_both(recipe, songs, tmp_path, start):
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for path in sorted(songs.rglob("*.wav"))[1:]:
        (fewer / path.name).symlink_to(path)
    workers = free_ports(2)
    processes = [
        train(start, recipe, data, tmp_path / "run", workers, index)
        for index, data in enumerate((songs, fewer))
    ]
    for process in processes:
        _, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == 1
        assert errors.startswith("kerasvox: worker 1 differs from worker 0 in clips.")
        assert len(errors.splitlines()) == 1


def test_a_folder_that_is_not_shared_is_named_on_both(steady_recipe, songs, tmp_path, start):
    LastWeights(steady_recipe, songs, tmp_path / "run").run()
    workers = free_ports(2)
    processes = [
        train(start, steady_recipe, songs, tmp_path / folder, workers, index, "--resume")
        for index, folder in enumerate(("run", "elsewhere"))
    ]
    for process in processes:
        _, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == 1
        assert errors == (
            "kerasvox: worker 1 differs from worker 0 in checkpoint in the output folder, which "
            "all workers share (0, not 6)\n"
        )


def test_a_worker_that_does_not_come_is_named(recipe, songs, tmp_path, start):
    process = train(start, recipe, songs, tmp_path / "run", free_ports(2), 0, "--worker-timeout", 1)
    _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert "did not come within 1 s" in errors
    assert len(errors.splitlines()) == 1


def read_log(folder):
    with (folder / "logs" / "training.csv").open() as file:
        return list(csv.DictReader(file))


def last_checkpoint(folder):
    values = {}

    def note(name, item):
        is_weight = name.startswith("layers/") and isinstance(item, h5py.Dataset)
        if is_weight and item.dtype.kind == "f":
            values[name] = item[()]

    path = sorted(folder.glob("checkpoints/step_*"))[-1] / "training.weights.h5"
    with h5py.File(path) as file:
        file.visititems(note)
    return values
