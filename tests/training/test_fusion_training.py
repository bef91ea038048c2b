import json

import numpy as np
import pytest

from kerasvox import presets
from kerasvox.errors import PresetError, RecipeError
from kerasvox.models.separator import Separator
from kerasvox.models.spectrogram_fusion.separator import SpectrogramFusionSeparator
from kerasvox.models.spectrogram_fusion.two_head_separator import TwoHeadSeparator
from kerasvox.training.trainer import Trainer

COMMON = """
seed: 3
steps: 6
steps_per_epoch: 3
data: {batch_size: 2, seconds: 0.25, remix: 0.5, level: [-20, -14]}
optimizer: {learning_rate: 0.01}
"""
TWO_HEAD = """
name: first
model:
  system: two_head_bilstm
  n_fft: 128
  hop: 64
  first_stage: {units: 6, depth: 1, compression: 0.5, dropout: 0.2}
"""
FUSION = """
name: fused
model:
  system: spectrogram_fusion
  embedding: dual_attention
  n_fft: 128
  hop: 64
  second_stage: {units: 8, heads: 2, compression: 0.5}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "fusion.yaml"
        path.write_text(text + COMMON, encoding="utf-8")
        return path

    return write


@pytest.fixture
def first(write, songs, tmp_path):
    return Trainer(write(TWO_HEAD), songs, tmp_path / "first").run()


def first_stage_of(separator):
    return [np.array(weight) for weight in separator.first_stage.get_weights()]


def stages(first, **options):
    return f"stages: {json.dumps({'first': str(first)} | options)}"


def test_the_stages_train_one_after_the_other(write, songs, tmp_path, first):
    assert type(Separator.from_preset(first)) is TwoHeadSeparator
    folder = Trainer(write(FUSION + stages(first)), songs, tmp_path / "fused").run()
    separator = Separator.from_preset(folder)
    assert type(separator) is SpectrogramFusionSeparator
    pairs = zip(
        first_stage_of(separator), first_stage_of(Separator.from_preset(first)), strict=True
    )
    for frozen, trained in pairs:
        np.testing.assert_array_equal(frozen, trained)
    metrics = json.loads((folder / presets.METRICS).read_text())
    digest = presets.weights_sha256(first)
    assert metrics["training"]["first_stage_sha256"] == digest
    card = " ".join((folder / presets.CARD).read_text().split())
    assert f"(weights {digest[:12]}), frozen" in card
    assert "embedding dual-attention: hidden layers of 8, 2 heads over frames" in card
    assert "1 bidirectional LSTM layers of 6" in (first / presets.CARD).read_text()


def test_the_first_stage_can_be_fine_tuned(write, songs, tmp_path, first):
    recipe = write(FUSION + stages(first, freeze_first=False) + "\nloss: {first_stage: 1}")
    folder = Trainer(recipe, songs, tmp_path / "fused").run()
    pairs = zip(
        first_stage_of(Separator.from_preset(folder)),
        first_stage_of(Separator.from_preset(first)),
        strict=True,
    )
    assert any(np.abs(tuned - before).max() > 1e-3 for tuned, before in pairs)


def test_both_stages_can_train_at_once_and_the_run_resumes(write, songs, tmp_path):
    recipe = write(
        FUSION.replace("hop: 64", "hop: 64\n  first_stage: {units: 6, depth: 1}")
        + "loss: {first_stage: 1, gamma: 1}"
    )
    trainer = Trainer(recipe, songs, tmp_path / "fused")
    before = first_stage_of(_built(trainer.separator))
    folder = trainer.run()
    after = first_stage_of(Separator.from_preset(folder))
    assert all(np.abs(a - b).max() > 0 for a, b in zip(after, before, strict=True))
    assert Trainer(recipe, songs, folder, resume=True).state["step"] == 6
    card = " ".join((folder / presets.CARD).read_text().split())
    assert "Both stages train at once" in card


def _built(separator):
    separator.build()
    return separator


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("hop: 64", "hop: 32"), "model.hop is 32 and that of .* is 64; they must be equal"),
        (("hop: 64", "hop: 64\n  first_stage: {units: 7}"), "model.first_stage differs"),
        (("heads: 2", "heads: 3"), "3 heads do not divide 8 units"),
        (("dual_attention", "dual"), "unknown embedding 'dual'"),
    ],
)
def test_faults_name_the_recipe_and_leave_no_folder(write, songs, tmp_path, first, change, message):
    recipe = write(FUSION.replace(*change) + stages(first))
    with pytest.raises(RecipeError, match=message) as caught:
        Trainer(recipe, songs, tmp_path / "fused")
    assert str(recipe) in str(caught.value)
    assert not (tmp_path / "fused").exists()


def test_a_first_stage_that_is_none_is_named(write, songs, tmp_path):
    with pytest.raises(PresetError, match="drnn_mir1k: holds a DRNNSeparator, not a TwoHead"):
        Trainer(write(FUSION + stages("drnn_mir1k")), songs, tmp_path / "fused")
