import numpy as np
import pytest
import soundfile

from kerasvox.audio.load import load
from kerasvox.errors import AudioError


@pytest.mark.parametrize(("samples", "rate"), [(0, 44100), (1, 44100), (100_000, 44100)])
def test_load(tmp_path, samples, rate):
    waveform = np.random.default_rng(0).uniform(-1, 1, (2, samples)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", waveform.T, rate, subtype="FLOAT")
    loaded, found = load(tmp_path / "a.wav")
    np.testing.assert_array_equal(loaded, waveform)
    assert found == rate
    resampled, found = load(tmp_path / "a.wav", 16000)
    assert resampled.shape == (2, -(-samples * 16000 // rate))
    assert found == 16000


def test_load_names_the_file(tmp_path):
    with pytest.raises(AudioError, match=r"gone\.wav"):
        load(tmp_path / "gone.wav")
