import json

import pytest

from kerasvox import presets
from kerasvox.errors import PresetError, UsageError
from kerasvox.evaluation.evaluate import evaluate
from kerasvox.training.metrics import add_scores
from kerasvox.training.model_card import write_card
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

    report["preset"]["weights_sha256"] = "0" * 64
    with pytest.raises(UsageError, match="report is of other weights"):
        add_scores(folder, report)


def test_a_preset_without_metrics_is_named(tmp_path):
    with pytest.raises(PresetError, match=r"metrics\.json: cannot be read"):
        add_scores(tmp_path, {})
