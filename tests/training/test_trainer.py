import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from kerasvox import presets
from kerasvox.data.batches import TrainingBatches
from kerasvox.errors import DataError, RecipeError, TrainingError, UsageError
from kerasvox.models.separator import Separator
from kerasvox.training.provenance import joined
from kerasvox.training.recipe import read_recipe
from kerasvox.training.trainer import Trainer


def weights_of(folder):
    return [np.array(weight) for weight in Separator.from_preset(folder).weights]


def command(*arguments):
    return [sys.executable, "-m", "kerasvox.cli.main", "train", *map(str, arguments)]


def test_a_run_becomes_a_preset(recipe, songs, tmp_path):
    folder = Trainer(recipe, songs, tmp_path / "run").run()
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        presets.CONFIG,
        presets.WEIGHTS,
        presets.SUMS,
        presets.RECIPE,
        presets.METRICS,
        presets.CARD,
        "logs",
    }
    assert (folder / presets.RECIPE).read_text() == recipe.read_text()
    metrics = json.loads((folder / presets.METRICS).read_text())
    assert metrics["weights_sha256"] == presets.weights_sha256(folder)
    assert metrics["training"]["data"]["train"]["clips"] == 4
    card = (folder / presets.CARD).read_text()
    assert presets.weights_sha256(folder) in card
    assert f"{metrics['scores']['dev']['means']['vocals']['GNSDR']:.4f}" in card
    assert str(tmp_path) not in card + (folder / presets.METRICS).read_text()
    assert list(folder.glob("logs/tensorboard/train/events*"))


def test_the_weights_of_the_best_dev_score_are_kept(recipe, songs, tmp_path):
    trainer = Trainer(recipe, songs, tmp_path / "run")
    folder = trainer.run()
    with (folder / "logs" / "training.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    scores = [float(row["dev_vocals_GNSDR"]) for row in rows]
    best = int(np.argmax(scores))
    assert trainer.state["best"]["step"] == 3 * (best + 1)
    metrics = json.loads((folder / presets.METRICS).read_text())
    stored = metrics["scores"]["dev"]["means"]["vocals"]["GNSDR"]
    assert stored == pytest.approx(scores[best], abs=0.05)


def test_training_learns(recipe, songs, tmp_path):
    text = recipe.read_text().replace("steps: 12", "steps: 90")
    recipe.write_text(text.replace("steps_per_epoch: 3", "steps_per_epoch: 30"))
    trainer = Trainer(recipe, songs, tmp_path / "run")
    trainer.run()
    assert trainer.state["best"]["dev"]["vocals"]["GNSDR"] > 4.0
    losses = [row["loss"] for row in trainer.state["history"]]
    assert losses[-1] < losses[0]


def test_a_seed_gives_the_same_weights(recipe, songs, tmp_path):
    folders = [Trainer(recipe, songs, tmp_path / name).run() for name in ("one", "two")]
    for one, other in zip(*map(weights_of, folders), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_ctrl_c_leaves_a_run_that_resumes(recipe, songs, tmp_path):
    text = recipe.read_text().replace("steps: 12", "steps: 30000")
    recipe.write_text(text)
    run = tmp_path / "run"
    process = subprocess.Popen(
        command(recipe, "--data", songs, "-o", run), stderr=subprocess.PIPE, text=True
    )
    while not list(run.glob("checkpoints/step_*")):
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in messages.splitlines()[-1]
    assert "Traceback" not in messages
    assert Trainer(recipe, songs, run, resume=True).state["step"] >= 3


def test_a_finished_run_keeps_scores_that_were_added(recipe, songs, tmp_path):
    folder = Trainer(recipe, songs, tmp_path / "run").run()
    metrics = json.loads((folder / presets.METRICS).read_text())
    metrics["scores"]["test"] = {"clips": 2, "means": metrics["scores"]["dev"]["means"]}
    (folder / presets.METRICS).write_text(json.dumps(metrics))
    Trainer(recipe, songs, folder, resume=True).run()
    assert json.loads((folder / presets.METRICS).read_text()) == metrics
    assert "test (2)" in (folder / presets.CARD).read_text()


def test_a_run_goes_on_with_what_it_was_begun_with(recipe, songs, tmp_path, capsys):
    run = Trainer(recipe, songs, tmp_path / "run").run()
    (run / presets.RECIPE).unlink()
    with pytest.raises(UsageError, match="holds a run; add --resume"):
        Trainer(recipe, songs, run)
    other = tmp_path / "other.yaml"
    other.write_text(recipe.read_text().replace("seed: 3", "seed: 4"))
    with pytest.raises(UsageError, match=r"begun with another recipe\.seed \(4, not 3\); go on"):
        Trainer(other, songs, run, resume=True)
    clip = songs / "train" / "abjones_1_01.wav"
    sources, rate = soundfile.read(clip)
    soundfile.write(clip, sources[:-1000], rate)
    assert Trainer(recipe, songs, run, resume=True).state["step"] == 12
    assert "the data has changed since its run began: train (4 clips" in capsys.readouterr().err
    clip.unlink()
    with pytest.raises(UsageError, match=r"begun with another clips\.train"):
        Trainer(recipe, songs, run, resume=True)
    assert read_recipe(run / presets.RECIPE).seed == 3


def test_a_run_that_changes_software_names_both():
    first = {"keras": "3.15", "backend": "tensorflow 2.21"}
    then = joined(first, {"keras": "3.15", "backend": "jax 0.7"})
    assert then == {"keras": "3.15", "backend": "tensorflow 2.21, then jax 0.7"}
    assert joined(then, first) == then


def test_a_finished_run_resumes_to_itself(recipe, songs, tmp_path):
    folder = Trainer(recipe, songs, tmp_path / "run").run()
    digest = presets.weights_sha256(folder)
    assert Trainer(recipe, songs, folder, resume=True).run() == folder
    assert presets.weights_sha256(folder) == digest


def test_an_existing_run_is_not_overwritten(recipe, songs, tmp_path):
    Trainer(recipe, songs, tmp_path / "run")
    with pytest.raises(UsageError, match="add --resume"):
        Trainer(recipe, songs, tmp_path / "run")


def test_resume_refuses_another_recipe(recipe, songs, tmp_path):
    Trainer(recipe, songs, tmp_path / "run")
    recipe.write_text(recipe.read_text().replace("seed: 3", "seed: 4"))
    with pytest.raises(UsageError, match="another recipe"):
        Trainer(recipe, songs, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("hop: 128", "hop: 100"), "n_fft=256, hop=100"),
        (("units: 16", "units: 0"), "units=0"),
        (("units: 16", "context: 2"), "size=2"),
        (("units: 16", "recurrent_layers: [4]"), "from 1 to 3"),
        (("[-20, -14]", "[-14, -20]"), "lowest, highest"),
    ],
)
def test_faults_that_the_model_finds_name_the_recipe(recipe, songs, tmp_path, change, message):
    recipe.write_text(recipe.read_text().replace(*change))
    with pytest.raises(RecipeError, match=message) as caught:
        Trainer(recipe, songs, tmp_path / "run")
    assert str(recipe) in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_bad_clip_is_named_before_anything_is_written(recipe, songs, tmp_path):
    (songs / "train" / "amy_1_01.wav").write_bytes(b"no audio")
    with pytest.raises(DataError, match=r"amy_1_01\.wav: is not audio"):
        Trainer(recipe, songs, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_diverges_ends_and_keeps_what_was(recipe, songs, tmp_path):
    run = tmp_path / "run"
    text = recipe.read_text()
    recipe.write_text(text.replace("learning_rate: 0.01", "learning_rate: 1.0e+30"))
    with pytest.raises(
        TrainingError, match=r"the loss of step 2 is nan, its batch is made of .*amy_1_01"
    ):
        Trainer(recipe, songs, run).run()
    assert not list(run.glob("checkpoints/step_*"))
    assert not (run / presets.WEIGHTS).exists()


@pytest.mark.parametrize("split", ["train", "dev"])
def test_a_missing_split_is_named(recipe, songs, tmp_path, split):
    for path in (songs / split).iterdir():
        path.unlink()
    with pytest.raises(DataError, match=f"holds no clip of the {split} split"):
        Trainer(recipe, songs, tmp_path / "run")


def test_unwritable_folder_is_named(recipe, songs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file/run: cannot be written"):
        Trainer(recipe, songs, tmp_path / "file" / "run")


def test_held_out_songs_score_and_do_not_train(recipe, songs, tmp_path):
    recipe.write_text(recipe.read_text().replace("data: {", "data: {held_out_songs: 1, "))
    clips = Trainer(recipe, songs, tmp_path / "run").clips
    names = {split: {clip.name for clip in chosen} for split, chosen in clips.items()}
    assert len(names["train"]) == 3
    assert len(names["dev"]) == 3
    assert names["dev"] >= {"amy_9_08", "amy_9_09"}
    assert not names["train"] & names["dev"]


def test_a_held_out_singer_scores_and_does_not_train(recipe, songs, tmp_path):
    text = recipe.read_text()
    recipe.write_text(text.replace("data: {", "data: {held_out_singer: amy, "))
    clips = Trainer(recipe, songs, tmp_path / "run").clips
    assert {clip.name for clip in clips["train"]} == {"abjones_1_01", "abjones_2_01"}
    assert {clip.name for clip in clips["dev"]} == {"amy_1_01", "amy_2_01", "amy_9_08", "amy_9_09"}
    recipe.write_text(text.replace("data: {", "data: {held_out_singer: bob, "))
    with pytest.raises(RecipeError, match="cannot hold out 'bob' of the singers abjones, amy"):
        Trainer(recipe, songs, tmp_path / "other")


def test_singers_can_be_drawn_equally_often(recipe, songs, tmp_path):
    (songs / "train" / "abjones_2_01.wav").unlink()
    text = recipe.read_text().replace("batch_size: 4", "batch_size: 400")
    recipe.write_text(text.replace("data: {", "data: {equal_singers: true, "))
    trainer = Trainer(recipe, songs, tmp_path / "run")
    assert [clip.singer for clip in trainer.clips["train"]] == ["abjones", "amy", "amy"]
    generator = np.random.default_rng(0)
    drawn = [trainer.batches._draw_clip(generator) for _ in range(1000)]
    assert np.mean(np.array(drawn) == 0) == pytest.approx(0.5, abs=0.06)


def test_no_test_clip_is_read(recipe, songs, tmp_path, monkeypatch):
    read = []
    from kerasvox.data.clip import Clip

    original = Clip.sources
    monkeypatch.setattr(
        Clip, "sources", lambda self, rate: read.append(self.name) or original(self, rate)
    )
    trainer = Trainer(recipe, songs, tmp_path / "run")
    trainer.run()
    assert isinstance(trainer.batches, TrainingBatches)
    assert sorted(set(read)) == [
        "abjones_1_01",
        "abjones_2_01",
        "amy_1_01",
        "amy_2_01",
        "amy_9_08",
        "amy_9_09",
    ]
