import numpy as np
import pytest
import soundfile

RATE = 16000


@pytest.fixture
def make_audio():
    """Return a maker of file contents (samples, 2): accompaniment left, vocals right."""

    def make(seconds=1.5, seed=0):
        noise = 0.1 * np.random.default_rng(seed).standard_normal((int(seconds * RATE), 2))
        resting = np.arange(len(noise)) % (RATE // 2) > RATE // 3
        noise[resting, 1] *= 0.01
        return noise.astype(np.float32)

    return make


@pytest.fixture
def write_clip(tmp_path, make_audio):
    """Return a writer of one file below `tmp_path`; other audio than a good clip's on request."""

    def write(name, audio=None, rate=RATE, seed=0, subtype=None):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        audio = make_audio(seed=seed) if audio is None else audio
        if subtype is None:  # of its own accord libsndfile rounds differently in WAV and FLAC
            audio = np.round(audio * 32767).astype(np.int16)
        soundfile.write(path, audio, rate, subtype)
        return path

    return write
