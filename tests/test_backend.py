import subprocess
import sys

import pytest

# A library that loads for long, and swallows what is raised meanwhile.
SWALLOWS = """
import os, signal, time
try:
    os.kill(os.getpid(), signal.{name})
    time.sleep(1)
except BaseException:
    pass
print("goes on", flush=True)
class ops:
    ones = print
"""
PROGRAM = """
import signal
signal.signal(signal.SIGTERM, signal.default_int_handler)
{first}
from kerasvox.backend import start_backend
start_backend()
assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
"""


@pytest.fixture
def run(tmp_path):
    def start(name, first=""):
        (tmp_path / "keras.py").write_text(SWALLOWS.format(name=name))
        program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})" + PROGRAM.format(first=first)
        command = [sys.executable, "-c", program]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return start


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_while_libraries_load_is_not_swallowed(run, name, code):
    done = run(name)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_a_process_that_ignores_ctrl_c_goes_on_to(run):
    done = run("SIGINT", "signal.signal(signal.SIGINT, signal.SIG_IGN)")
    assert done.returncode == 0
    assert done.stdout.startswith("goes on")
