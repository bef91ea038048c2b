import numpy as np
import pytest
import soundfile

from kerasvox.data.mir1k import MIR1K
from kerasvox.data.open_data import open_data, recognise
from kerasvox.data.stems import Stems
from kerasvox.errors import DataError, UsageError


@pytest.fixture
def tracks(tmp_path):
    """A folder of three tracks: two stereo ones of 16 kHz, a mono one of 8 kHz."""
    for number in range(3):
        folder = tmp_path / "tracks" / f"track {number}"
        folder.mkdir(parents=True)
        for seed, stem in enumerate(("vocals", "accompaniment")):
            noise = np.random.default_rng([number, seed]).standard_normal((16000, 2)) / 10
            audio, rate = (noise, 16000) if number else (noise[:8000, :1], 8000)
            soundfile.write(folder / f"{stem}.wav", audio, rate)
    return tmp_path / "tracks"


def test_a_kind_opens_its_folder(tracks, write_clip, tmp_path):
    write_clip("mir/amy_1_01.wav")
    assert isinstance(open_data(tracks, "stems"), Stems)
    assert isinstance(open_data(tmp_path / "mir", "mir1k"), MIR1K)
    assert recognise(tracks) == "stems"
    assert recognise(tmp_path / "mir") == "mir1k"


def test_a_folder_of_another_kind_is_refused(tracks, write_clip, tmp_path):
    write_clip("mir/amy_1_01.wav")
    with pytest.raises(DataError, match=r"holds tracks, not MIR-1K; for these data.set is stems"):
        open_data(tracks, "mir1k")
    with pytest.raises(DataError, match="holds no track"):
        open_data(tmp_path / "mir", "stems")
    with pytest.raises(UsageError, match="unknown data set 'musdb'"):
        open_data(tracks, "musdb")


def test_a_folder_of_nothing_is_recognised_as_such(tmp_path):
    with pytest.raises(DataError, match="holds neither MIR-1K"):
        recognise(tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        recognise(tmp_path / "missing")


def test_the_seed_of_a_split_reaches_the_set(tracks):
    chosen = {open_data(tracks, "stems", seed).clips("dev")[0].name for seed in range(20)}
    assert len(chosen) == 3
