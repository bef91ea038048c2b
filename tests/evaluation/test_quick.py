from math import inf

import numpy as np
import pytest

from kerasvox.data.mir1k import MIR1K
from kerasvox.errors import DataError
from kerasvox.evaluation.quick import dev_scores, require_scorable
from kerasvox.evaluation.scores import score_stems, weighted_means
from kerasvox.models.separator import Separator


@pytest.fixture(scope="module")
def clips(data):
    return [(clip, clip.sources(16000)) for clip in MIR1K(data).clips("test")]


def test_means_of_the_model_as_it_stands(preset, clips):
    separator = Separator.from_preset(preset)
    expected = []
    for _, sources in clips[:2]:
        stems = separator.predict_on_batch(sources.sum(axis=0)[None])
        estimates = np.stack([stems["vocals"][0], stems["accompaniment"][0]])
        expected.append((sources.shape[1], score_stems(sources, estimates)))
    expected = weighted_means(expected)
    silent = [clip for clip in clips if clip[0].name == "bug_2_01"]
    found = dev_scores(separator, clips[:2] + silent)
    for stem in ("vocals", "accompaniment"):
        assert found[stem] == pytest.approx(expected[stem], abs=1e-3)


def test_a_model_that_diverged_is_never_the_best(preset, clips):
    separator = Separator.from_preset(preset)
    for weight in separator.trainable_weights:
        weight.assign(np.full(weight.shape, np.nan))
    assert dev_scores(separator, clips[:1])["vocals"]["GNSDR"] == -inf


def test_some_clip_must_have_scores(clips):
    silent = [clip for clip in clips if clip[0].name == "bug_2_01"]
    require_scorable([*silent, *clips[:1]])
    with pytest.raises(DataError, match=r"none of the 1 dev .*bug_2_01: the source of vocals is s"):
        require_scorable(silent)
    short = [(clips[0][0], clips[0][1][:, :1000])]
    with pytest.raises(DataError, match="1000 samples are fewer than 1024"):
        require_scorable(short)
