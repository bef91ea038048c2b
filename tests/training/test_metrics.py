import json
import math

import pytest
import soundfile

from kerasvox import presets
from kerasvox.errors import PresetError, UsageError
from kerasvox.evaluation.evaluate import evaluate
from kerasvox.training.metrics import add_scores, read_metrics, write_training_metrics
from kerasvox.training.model_card import write_card
from kerasvox.training.recipe import read_recipe
from kerasvox.training.trainer import Trainer


def test_an_evaluation_goes_into_metrics_and_card(recipe, songs, tmp_path):
    folder = Trainer(recipe, songs, tmp_path / "run").run()
    report = evaluate(folder, songs, "test", processes=1)
    add_scores(folder, report)
    write_card(folder)
    scores = json.loads((folder / presets.METRICS).read_text())["scores"]
    assert scores["test"] == {"clips": 2, "means": report["means"]}
    assert set(scores) == {"dev", "test"}
    card = (folder / presets.CARD).read_text()
    assert f"| test (2) | vocals | {report['means']['vocals']['GNSDR']:.4f} |" in card

    other = {**report, "protocol": {**report["protocol"], "mixture": "sum of the stems"}}
    with pytest.raises(UsageError, match=r"left .*; the report's are: sum of the stems"):
        add_scores(folder, other)
    report["preset"]["weights_sha256"] = "0" * 64
    with pytest.raises(UsageError, match="report is of other weights"):
        add_scores(folder, report)


def test_metrics_and_card_of_tracks_tell_of_tracks(recipe, songs, tmp_path):
    tracks = tmp_path / "tracks"
    for path in songs.rglob("*.wav"):
        sources, rate = soundfile.read(path)
        split = "dev" if path.parent.name == "dev" else "train"
        (tracks / split / path.stem).mkdir(parents=True)
        for source, stem in zip(sources.T, ("accompaniment", "vocals"), strict=True):
            soundfile.write(tracks / split / path.stem / f"{stem}.wav", source, rate)
    text = recipe.read_text().replace("data: {", "data: {set: stems, ").replace("12", "3", 1)
    recipe.write_text(text)
    folder = Trainer(recipe, tracks, tmp_path / "run").run()
    metrics = json.loads((folder / presets.METRICS).read_text())
    assert metrics["training"]["command"] == "kerasvox train recipe.yaml --data TRACKS -o run"
    assert metrics["protocol"]["mixture"].startswith("sum of the stems")
    card = " ".join((folder / presets.CARD).read_text().split())
    assert "the stems at the levels they have" in card
    assert "MIR-1K" not in card

    # A model whose stems are silent has no scores, and JSON no infinity.
    dev = {"vocals": {"GNSDR": -math.inf, "GSAR": 1.0}}
    parts = {"recipe": read_recipe(recipe), "step": 3, "software": {}, "data": {"dev": []}}
    write_training_metrics(folder, **parts, dev=dev)
    assert read_metrics(folder)["scores"]["dev"]["means"] == {"vocals": {"GNSDR": None, "GSAR": 1}}


def test_a_preset_without_metrics_is_named(tmp_path):
    with pytest.raises(PresetError, match=r"metrics\.json: cannot be read"):
        add_scores(tmp_path, {})
