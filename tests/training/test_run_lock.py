import gc
import subprocess
import sys

import pytest

from kerasvox.errors import UsageError
from kerasvox.training.run_lock import RunLock
from kerasvox.training.trainer import Trainer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")

HOLD = """
import sys
from pathlib import Path
from kerasvox.training.run_lock import RunLock
lock = RunLock(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def holder(folder):
    """Lock a folder in another process, until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"locked\n"
    return process


def test_a_killed_process_leaves_the_folder_free(tmp_path):
    with holder(tmp_path) as process:
        with pytest.raises(UsageError, match=f"{tmp_path}: another process trains here"):
            RunLock(tmp_path)
        process.kill()
    assert RunLock(tmp_path)


def test_one_process_locks_twice_until_the_last_lock_has_gone(tmp_path):
    locks = [RunLock(tmp_path) for _ in range(3)]
    refused = subprocess.run([sys.executable, "-c", HOLD, tmp_path], stderr=subprocess.PIPE)
    assert b"another process trains here" in refused.stderr
    del locks[:2]
    refused = subprocess.run([sys.executable, "-c", HOLD, tmp_path], stderr=subprocess.PIPE)
    assert b"another process trains here" in refused.stderr
    del locks
    gc.collect()
    holder(tmp_path).communicate(timeout=60)


def test_a_second_process_cannot_train_in_the_folder(recipe, songs, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with holder(run) as process:
        live = run / "checkpoints" / "partial"
        live.mkdir(parents=True)
        with pytest.raises(UsageError, match="run: another process trains here"):
            Trainer(recipe, songs, run, resume=True)
        assert live.exists()
        assert not (run / "recipe.yaml").exists()
        process.kill()
    Trainer(recipe, songs, run, resume=True)
