"""What all tests share."""

import os
from pathlib import Path

# Before numpy is imported: the threads of its BLAS would fight with TensorFlow's for the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

_MIR1K = Path(__file__).parents[2] / "shared" / "data" / "mir1k"


@pytest.fixture(scope="session")
def mir1k() -> Path:
    """The MIR-1K clips beside the repository, where there are any."""
    if not _MIR1K.is_dir():
        pytest.skip("MIR-1K is not beside the repository, at ../shared/data/mir1k")
    return _MIR1K


@pytest.fixture
def noise() -> np.ndarray:
    """Two waveforms of a second at 16 kHz, `(2, 16000)`."""
    return np.random.default_rng(0).normal(0, 0.1, (2, 16000)).astype("float32")
