import numpy as np
import pytest
import soundfile


@pytest.fixture
def songs(tmp_path):
    """A folder of eight clips named as MIR-1K's, two seconds each: a melody over a drone."""
    folder = tmp_path / "data"
    names = ["abjones_1_01", "abjones_2_01", "amy_1_01", "amy_2_01", "amy_9_08", "amy_9_09"]
    names += ["Ani_1_01", "stool_1_01"]
    for number, name in enumerate(names):
        split = "dev" if name.startswith("amy_9") else "train" if name[0] == "a" else "test"
        (folder / split).mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / split / f"{name}.wav", _clip(number), 16000)
    return folder


def _clip(number: int) -> np.ndarray:
    generator = np.random.default_rng(number)
    time = np.arange(32000) / 16000
    pitch = 300 + 40 * number + 30 * np.sin(2 * np.pi * 3 * time)
    voice = sum(np.sin(2 * np.pi * k * np.cumsum(pitch) / 16000) / k for k in range(1, 6))
    music = np.sin(2 * np.pi * 110 * time) + 0.3 * generator.normal(size=32000)
    voice *= np.sin(2 * np.pi * 1.5 * time) > 0
    scaled = [0.1 * source / source.std() for source in (music, voice)]
    return np.stack(scaled, axis=1)


@pytest.fixture
def recipe(tmp_path):
    """A recipe of 12 steps in 4 epochs, small enough for a test."""
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "name: tiny\nseed: 3\nsteps: 12\nsteps_per_epoch: 3\n"
        "model: {units: 16, n_fft: 256, hop: 128}\n"
        "data: {batch_size: 4, seconds: 0.5, remix: 0.5, speed: 0.1, level: [-20, -14]}\n"
        "optimizer: {learning_rate: 0.01}\n"
    )
    return path
