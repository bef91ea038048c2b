from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 16000


def write_clip(folder: Path, name: str, seconds: float, silent_vocals: bool = False) -> Path:
    """Write a clip of two noises with different colours and levels, the same for a name always."""
    random = np.random.default_rng(sum(name.encode()))
    noise = random.standard_normal((int(seconds * RATE), 2))
    noise[1:, 1] += 0.9 * noise[:-1, 1]
    noise *= 0.0 if silent_vocals else 0.1, 0.1
    noise = noise[:, ::-1]
    path = folder / f"{name}.wav"
    soundfile.write(path, noise, RATE, subtype="PCM_16")
    return path


@pytest.fixture(scope="session")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained small model on disk."""
    import keras

    from kerasvox.models.drnn.separator import DRNNSeparator

    keras.utils.set_random_seed(0)
    separator = DRNNSeparator(units=32)
    separator(np.zeros((1, 4096), "float32"))
    folder = tmp_path_factory.mktemp("presets") / "small"
    separator.save_to_preset(folder)
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four good test clips, one with silent vocals, and one dev clip."""
    folder = tmp_path_factory.mktemp("data") / "clips"
    folder.mkdir()
    for number, seconds in enumerate((1.0, 1.3, 2.01, 1.7), start=1):
        write_clip(folder, f"Ani_1_{number:02}", seconds)
    write_clip(folder, "bug_2_01", 1.1, silent_vocals=True)
    write_clip(folder, "amy_9_08", 1.2)
    return folder


@pytest.fixture
def sources() -> np.ndarray:
    """Two short independent noises, `(2, 4000)`."""
    return np.random.default_rng(1).standard_normal((2, 4000))
