"""Tracks with stems are scored as MIR-1K's clips are."""

import shutil

import numpy as np
import pytest
import soundfile

from kerasvox import presets
from kerasvox.data.stems import Stems
from kerasvox.errors import KerasvoxError, PresetError
from kerasvox.evaluation.evaluate import evaluate

SEED = 3


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """Ten tracks in no folder of a split; another seed makes other ones test tracks."""
    folder = tmp_path_factory.mktemp("set") / "tracks"
    generator = np.random.default_rng(0)
    for number in range(10):
        (folder / f"t{number}").mkdir(parents=True)
        for stem in ("vocals", "accompaniment"):
            noise = 0.1 * generator.standard_normal((8000, 2))
            soundfile.write(folder / f"t{number}" / f"{stem}.wav", noise, 16000)
    assert names(folder, SEED) != names(folder, 0)
    return folder


@pytest.fixture
def trained(preset, tmp_path):
    """A preset whose recipe splits tracks by `SEED`."""
    folder = tmp_path / "trained"
    shutil.copytree(preset, folder)
    (folder / presets.RECIPE).write_text(f"data: {{set: stems, split_seed: {SEED}}}\n")
    return folder


def names(folder, seed):
    return [clip.name for clip in Stems(folder, seed).clips("test")]


def scored(report):
    return [row["clip"] for row in report["clips"]]


def test_tracks_that_trained_are_no_test_tracks(trained, tracks):
    report = evaluate(trained, tracks, processes=1)
    assert scored(report) == names(tracks, SEED)
    assert report["data"]["set"] == "stems"
    assert report["data"]["split_seed"] == SEED
    assert report["protocol"]["mixture"].startswith("sum of the stems at their own levels")
    assert scored(evaluate(trained, tracks, split_seed=0, processes=1)) == names(tracks, 0)


def test_a_recipe_that_cannot_be_read_is_named(trained, tracks):
    (trained / presets.RECIPE).write_text("data: [")
    with pytest.raises(PresetError, match=r"recipe\.yaml: cannot be read .*; give split_seed"):
        evaluate(trained, tracks, processes=1)


def test_rows_of_other_audio_are_not_taken_over(preset, tracks, tmp_path):
    other = tmp_path / "other" / tracks.name
    shutil.copytree(tracks, other)
    for path in other.rglob("*.wav"):
        soundfile.write(path, soundfile.read(path)[0][:-100], 16000)
    output = tmp_path / "report.json"

    def stop(rows, total):
        if rows:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(preset, tracks, processes=1, output=output, progress=stop)
    with pytest.raises(KerasvoxError, match="another evaluation"):
        evaluate(preset, other, processes=1, output=output)
    assert len(scored(evaluate(preset, tracks, processes=1, output=output))) == len(
        names(tracks, 0)
    )
