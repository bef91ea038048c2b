"""The zoo's weights do what their cards say."""

import json

import pytest

import kerasvox
from kerasvox import presets
from kerasvox.data.mir1k import MIR1K
from kerasvox.evaluation.quick import dev_scores


@pytest.mark.mir1k
@pytest.mark.parametrize("name", kerasvox.list_presets())
def test_dev_scores_are_those_of_the_card(name, mir1k):
    separator = kerasvox.Separator.from_preset(name)
    clips = [(clip, clip.sources(separator.sample_rate)) for clip in MIR1K(mir1k).clips("dev")]
    metrics = json.loads((presets.preset_directory(name) / presets.METRICS).read_text())
    expected = metrics["scores"]["dev"]["means"]
    for stem, means in dev_scores(separator, clips).items():
        assert means == pytest.approx(expected[stem], abs=0.02)


# GNSDR of vocals and accompaniment on every 16th of the 165 test clips that lie beside the
# repository: the numbers of the weights as they are.
FEW_CLIPS = {
    "drnn_mir1k": (7.69, 7.49),
    "spectrogram_fusion_mir1k": (8.32, 7.99),
    "two_head_bilstm_mir1k": (7.56, 7.07),
}


@pytest.mark.mir1k
@pytest.mark.parametrize("name", kerasvox.list_presets())
def test_scores_on_a_few_test_clips(name, mir1k):
    separator = kerasvox.Separator.from_preset(name)
    clips = MIR1K(mir1k).clips("test")[::16]
    scores = dev_scores(separator, [(clip, clip.sources(separator.sample_rate)) for clip in clips])
    found = [scores[stem]["GNSDR"] for stem in separator.stems]
    assert found == pytest.approx(FEW_CLIPS[name], abs=0.03)


@pytest.mark.parametrize("name", kerasvox.list_presets())
def test_weights_are_small_and_the_card_names_them(name):
    directory = presets.preset_directory(name)
    assert (directory / presets.WEIGHTS).stat().st_size < 16 * 2**20
    assert presets.weights_sha256(directory) in (directory / presets.CARD).read_text()
    metrics = json.loads((directory / presets.METRICS).read_text())
    assert metrics["weights_sha256"] == presets.weights_sha256(directory)
    assert metrics["scores"]["test"]["clips"] == 825
