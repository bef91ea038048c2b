import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile


@pytest.fixture
def clips(tmp_path):
    """Three good clips in `set/`."""
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(1, 4):
        audio = 0.1 * np.random.default_rng(number).standard_normal((8000, 2))
        soundfile.write(folder / f"amy_1_0{number}.wav", audio, 16000)
    return folder


def kerasvox(*arguments, folder):
    command = [sys.executable, "-m", "kerasvox.cli.main", *arguments]
    environment = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_warnings_alone_exit_with_zero(clips):
    result = kerasvox("data", "check", "set", folder=clips.parent)
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "warning: set: 3 train clips, where the published split has 171"
    assert "Rates: 16000 Hz in 3 clip(s)" in lines
    assert lines[-1] == "0 error(s), 3 warning(s)"


def test_errors_exit_with_one_and_name_the_file_in_one_line(clips):
    (clips / "amy_1_02.wav").write_text("no audio")
    result = kerasvox("data", "check", "set", folder=clips.parent)
    assert result.returncode == 1
    found = [line for line in result.stdout.splitlines() if line.startswith("error")]
    assert len(found) == 1
    assert found[0].startswith("error: set/amy_1_02.wav: is not audio in a format")


def test_json_is_all_that_stdout_holds(clips):
    (clips / "amy_1_02.wav").write_text("no audio")
    result = kerasvox("data", "check", "set", "--json", folder=clips.parent)
    assert result.returncode == 1
    report = json.loads(result.stdout)
    assert report["errors"] == 1
    assert report["splits"]["train"]["clips"] == 3


def test_progress_goes_to_stderr(clips):
    result = kerasvox("data", "check", "set", folder=clips.parent)
    assert "Reading clips" not in result.stdout
    assert "Traceback" not in result.stderr


def test_a_missing_folder_is_one_line(tmp_path):
    result = kerasvox("data", "check", "nowhere", folder=tmp_path)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == "kerasvox: nowhere: is not a folder; give that of a data set\n"


def test_a_missing_argument_is_wrong_usage(tmp_path):
    assert kerasvox("data", "check", folder=tmp_path).returncode == 2
