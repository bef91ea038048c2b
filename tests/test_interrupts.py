import signal
import subprocess
import sys

import pytest

from kerasvox.interrupts import interrupts_held

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "pthread_sigmask"), reason="signals cannot be held back here"
)


def test_ctrl_c_comes_when_the_block_has_ended():
    done = []

    def interrupted():
        with interrupts_held():
            signal.raise_signal(signal.SIGINT)  # in this thread: others hold nothing back
            done.append("the block")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["the block"]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_process_that_starts_in_the_block_never_gets_it():
    code = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('goes on')"
    with interrupts_held():
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "goes on\n")
