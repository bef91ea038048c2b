import json
import subprocess
import sys

import pytest

import kerasvox

EXAMPLES = ("separate", "train", "evaluate", "export", "serve", "models", "demo", "doctor")


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "kerasvox.cli.main", *arguments],
        capture_output=True,
        text=True,
        **options,
    )


@pytest.mark.parametrize("code", ["import kerasvox", "from kerasvox.cli import main"])
def test_import_loads_nothing_heavy(code):
    heavy = "{'tensorflow', 'keras', 'jax', 'torch', 'scipy', 'numpy', 'pydantic'}"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(sorted({heavy} & set(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_help_lists_the_verbs():
    done = run("--help")
    assert done.returncode == 0
    for verb in (*EXAMPLES, "data"):
        assert verb in done.stdout


@pytest.mark.parametrize("verb", EXAMPLES)
def test_every_verb_has_an_example(verb):
    done = run(verb, "--help", env={"COLUMNS": "200", "PATH": ""})
    assert done.returncode == 0
    assert f"Example: kerasvox {verb}" in done.stdout


def test_version():
    assert run("--version").stdout.strip() == kerasvox.__version__


@pytest.mark.parametrize("arguments", [["--nonsense"], ["nonsense"], ["separate"], ["train", "x"]])
def test_wrong_usage_exits_with_2(arguments):
    assert run(*arguments).returncode == 2


def test_traceback_only_with_debug(tmp_path):
    arguments = ["separate", "song.wav", "-m", str(tmp_path / "nothing")]
    plain, debug = run(*arguments), run("--debug", *arguments)
    assert plain.returncode == debug.returncode == 1
    assert plain.stderr.startswith("kerasvox: ")
    assert plain.stderr.count("\n") == 1
    assert "Traceback" in debug.stderr


def test_unknown_preset_is_told_in_one_line():
    done = run("separate", "song.wav", "-m", "nothing")
    assert done.returncode == 1
    assert "nothing: is neither a folder nor a preset of the zoo" in done.stderr
    assert done.stderr.count("\n") == 1


def test_models_lists_every_preset():
    listed = json.loads(run("models", "--json").stdout)
    assert [entry["name"] for entry in listed] == kerasvox.list_presets()
    for entry in listed:
        assert len(entry["weights_sha256"]) == 64
        assert set(entry["scores"]) == {"vocals", "accompaniment"}
    table = run("models", env={"COLUMNS": "80", "PATH": ""})
    assert table.returncode == 0
    assert all(entry["name"] in table.stdout for entry in listed)
    assert "…" not in table.stdout


@pytest.mark.parametrize("name", ["song.wav", "song.flac"])
def test_demo_song_is_whole_and_the_same_every_time(tmp_path, name):
    import numpy as np
    import soundfile

    from kerasvox.audio.demo_song import demo_song

    assert run("demo", str(tmp_path / name)).returncode == 0
    audio, rate = soundfile.read(tmp_path / name, always_2d=True)
    vocals, accompaniment = demo_song()
    assert (rate, audio.shape[1]) == (44100, 2)
    np.testing.assert_allclose(audio.T, vocals + accompaniment, atol=1e-4)
    assert 0.1 < np.abs(audio).max() < 1.0


def test_demo_refuses_other_formats(tmp_path):
    done = run("demo", str(tmp_path / "song.xyz"))
    assert done.returncode == 2
    assert "song.xyz: give a file that ends in .wav or .flac" in done.stderr
    assert not list(tmp_path.iterdir())
