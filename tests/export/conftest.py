"""One small preset that can stream, exported once."""

import numpy as np
import pytest

from kerasvox.export.metadata import metadata
from kerasvox.export.saved_model import export_saved_model
from kerasvox.models.drnn.separator import DRNNSeparator


@pytest.fixture(scope="session")
def preset(tmp_path_factory):
    """The folder of a DRNN of 8 units, 128 / 64 samples at 8 kHz."""
    folder = tmp_path_factory.mktemp("presets") / "small"
    DRNNSeparator(units=8, n_fft=128, hop=64, sample_rate=8000).save_to_preset(folder)
    return folder


@pytest.fixture(scope="session")
def model(preset):
    return DRNNSeparator.from_preset(preset)


@pytest.fixture(scope="session")
def excerpts():
    random = np.random.default_rng(0)
    return [
        random.uniform(-0.5, 0.5, shape).astype("float32")
        for shape in ((1, 799), (3, 2000), (2, 1500), (1, 4000))
    ]


@pytest.fixture(scope="session")
def exported(preset, model, excerpts, tmp_path_factory):
    """The folder of the version, and the parity report."""
    facts = metadata(model, preset, max_seconds=1.0)
    return export_saved_model(model, facts, tmp_path_factory.mktemp("models"), excerpts)
