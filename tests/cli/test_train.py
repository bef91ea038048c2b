import subprocess
import sys

import pytest


@pytest.fixture
def train(tmp_path):
    def run(recipe, *arguments):
        path = tmp_path / "recipe.yaml"
        path.write_text(recipe)
        command = [sys.executable, "-m", "kerasvox.cli.main", "train", str(path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    return run


def test_a_typo_is_one_line_and_exit_2(train, tmp_path):
    done = train("name: a\nstep: 1\n", "--data", ".", "-o", "run")
    assert done.returncode == 2
    assert "unknown key 'step'; did you mean 'steps'?" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_data_folder_without_clips_is_one_line_and_exit_1(train, tmp_path):
    done = train("name: a\nsteps: 1\n", "--data", ".", "-o", "run")
    assert done.returncode == 1
    assert "holds no MIR-1K clip" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("seconds", ["inf", "1e12"])
def test_a_timeout_that_nobody_waits_for_is_refused(train, seconds):
    done = train("name: a\nsteps: 1\n", "--data", ".", "-o", "run", "--worker-timeout", seconds)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "86400" in done.stderr
