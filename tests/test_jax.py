"""kerasvox under JAX, in processes that cannot import TensorFlow."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import few_steps
import keras
import numpy as np
import pytest
import soundfile

from kerasvox import presets
from kerasvox.models.drnn.separator import DRNNSeparator
from kerasvox.models.separator import Separator
from kerasvox.models.spectrogram_fusion.two_head_separator import TwoHeadSeparator

pytestmark = pytest.mark.skipif(
    find_spec("jax") is None, reason='JAX is not installed: pip install "kerasvox[jax]"'
)
RECIPE = """
name: tiny
seed: 3
steps: 6
steps_per_epoch: 3
model: {units: 16, n_fft: 256, hop: 128}
data: {batch_size: 4, seconds: 0.5, remix: 0.5, speed: 0.1, level: [-20, -14]}
optimizer: {learning_rate: 0.01}
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """The variables of a process, and of those it starts, in which TensorFlow is not there."""
    folder = tmp_path_factory.mktemp("without_tensorflow")
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['tensorflow'] = None\n")
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "KERAS_BACKEND": "jax"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """A folder with clips of a second in the three splits of MIR-1K."""
    folder = tmp_path_factory.mktemp("clips")
    names = {"train": ("abjones_1_01", "amy_1_01"), "dev": ("amy_9_08",), "test": ("Ani_1_01",)}
    time = np.arange(16000) / 16000
    for seed, (split, name) in enumerate((s, n) for s in names for n in names[s]):
        generator = np.random.default_rng(seed)
        music = 0.2 * np.sin(2 * np.pi * 110 * time) + 0.05 * generator.normal(size=16000)
        pitch = 300 + 40 * seed + 30 * np.sin(2 * np.pi * 3 * time)
        voice = 0.2 * np.sin(2 * np.pi * np.cumsum(pitch) / 16000) * (time % 0.5 < 0.4)
        (folder / split).mkdir(exist_ok=True)
        soundfile.write(folder / split / f"{name}.wav", np.stack([music, voice], axis=1), 16000)
    return folder


@pytest.fixture(scope="module")
def preset(tmp_path_factory, environment, clips) -> Path:
    """What `kerasvox train` makes of a tiny recipe."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "recipe.yaml").write_text(RECIPE)
    done = kerasvox(
        environment, "train", folder / "recipe.yaml", "--data", clips, "-o", folder / "tiny"
    )
    assert done.returncode == 0, done.stderr
    assert "no TensorBoard log: it needs TensorFlow" in done.stderr
    return folder / "tiny"


def kerasvox(environment, *arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "kerasvox.cli.main", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_train_writes_a_preset_that_says_what_trained_it(preset):
    metrics = json.loads((preset / presets.METRICS).read_text())
    assert metrics["training"]["software"]["backend"].startswith("jax ")
    assert metrics["weights_sha256"] == presets.weights_sha256(preset)
    assert (preset / "logs" / "training.csv").is_file()


def test_separate_and_evaluate(preset, environment, clips, tmp_path):
    song = clips / "test" / "Ani_1_01.wav"
    done = kerasvox(environment, "separate", song, "-m", preset, "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    mixture, _ = soundfile.read(song)
    stems = [
        soundfile.read(tmp_path / "Ani_1_01" / f"{stem}.wav")[0]
        for stem in ("vocals", "accompaniment")
    ]
    np.testing.assert_allclose(sum(stems), mixture, atol=2 / 2**15)

    done = kerasvox(environment, "evaluate", preset, "--data", clips, "--processes", 1, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["means"]["vocals"]["GNSDR"] > 0


@pytest.mark.parametrize(
    "arguments", [("models", "--json"), ("demo", "song.wav"), ("data", "check", "{clips}")]
)
def test_verbs_without_a_model(environment, clips, tmp_path, arguments):
    paths = {"song.wav": tmp_path / "song.wav", "{clips}": clips}
    done = kerasvox(environment, *(paths.get(argument, argument) for argument in arguments))
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_an_export_says_that_it_needs_tensorflow(preset, environment, tmp_path):
    done = kerasvox(environment, "export", preset, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "kerasvox: an export needs TensorFlow and Keras runs on jax here; install tensorflow and "
        "run it with KERAS_BACKEND=tensorflow"
    ]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options", [("--strategy", "mirrored"), ("--worker", 0, "--workers", "a:2222,b:2222")]
)
def test_a_strategy_says_that_it_needs_tensorflow(preset, environment, clips, tmp_path, options):
    recipe = preset / presets.RECIPE
    done = kerasvox(environment, "train", recipe, "--data", clips, "-o", tmp_path / "out", *options)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "is TensorFlow only and KERAS_BACKEND is jax" in line
    assert not (tmp_path / "out").exists()


def test_a_missing_backend_is_one_line(preset, environment, clips):
    environment = {**environment, "KERAS_BACKEND": "tensorflow"}
    done = kerasvox(environment, "separate", clips / "test", "-m", preset)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "cannot start its backend tensorflow" in line
    assert "KERAS_BACKEND" in line


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="compares with TensorFlow, not the backend here"
)
@pytest.mark.parametrize("system", ["drnn", "two_head"])
def test_jax_trains_as_tensorflow_does(system, environment, clips, tmp_path):
    """Found: losses of ten steps within 6e-5 of each other, stems within 3e-7."""
    keras.utils.set_random_seed(0)
    options = {"n_fft": 256, "hop": 128}
    if system == "drnn":
        separator = DRNNSeparator(units=24, **options)
    else:
        separator = TwoHeadSeparator({"units": 12, "compression": 0.5}, **options)
    separator.save_to_preset(tmp_path / "start", dtype="float32")
    folders = {backend: tmp_path / backend for backend in ("jax", "tensorflow")}
    command = [sys.executable, few_steps.__file__, tmp_path / "start", clips, folders["jax"]]
    done = subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    few_steps.few_steps(tmp_path / "start", clips, folders["tensorflow"])

    curves = [json.loads((folder / "losses.json").read_text()) for folder in folders.values()]
    assert len(curves[0]) == few_steps.STEPS
    assert abs(curves[0][0] - curves[0][-1]) > 0.05 * abs(curves[0][0])  # it did learn
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-3)
    # What JAX trained gives the same stems under TensorFlow.
    trained = Separator.from_preset(folders["jax"] / "preset")
    vocals = trained.predict_on_batch(few_steps.noise())["vocals"]
    np.testing.assert_allclose(vocals, np.load(folders["jax"] / "vocals.npy"), atol=1e-5)
