import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from kerasvox.data.check_set import check_set


def write_track(folder, seed=0, channels=2, rate=16000, **changes):
    folder.mkdir(parents=True)
    for number, stem in enumerate(("vocals", "accompaniment")):
        audio = np.random.default_rng([seed, number]).standard_normal((4000, channels)) / 10
        soundfile.write(folder / f"{stem}.wav", changes.get(stem, audio), rate)
    return folder


@pytest.fixture
def tracks(tmp_path):
    """Two good tracks that train and one that tests."""
    for seed, name in enumerate(("train/a", "train/b", "test/c")):
        write_track(tmp_path / "set" / name, seed)
    return tmp_path / "set"


def test_good_tracks_are_counted(tracks):
    report = check_set(tracks)
    assert report.findings == ()
    assert report.clips == {"train": 1, "dev": 1, "test": 1}
    assert report.seconds["test"] == 0.25
    assert (report.rates, report.channels) == ({16000: 3}, {2: 3})
    assert "published" not in report.to_dict()["splits"]["train"]


def test_what_cannot_be_used_is_an_error(tracks):
    silent = write_track(tracks / "train" / "d", 4, vocals=np.zeros((4000, 2)))
    (write_track(tracks / "train" / "e", 5) / "vocals.wav").unlink()
    (write_track(tracks / "train" / "f", 6) / "vocals.wav").write_text("no audio")
    shutil.copytree(tracks / "train" / "a", tracks / "test" / "copy")
    shutil.copytree(tracks / "train" / "b", tracks / "test" / "b")
    found = [(finding.severity, finding.path) for finding in check_set(tracks).findings]
    assert found == [
        ("error", tracks / "train" / "a"),
        ("error", tracks / "train" / "b"),
        ("error", silent / "vocals.wav"),
        ("error", tracks / "train" / "e"),
        ("error", tracks / "train" / "f" / "vocals.wav"),
    ]


def test_an_odd_rate_or_number_of_channels_is_a_warning(tracks):
    mono = write_track(tracks / "train" / "mono", 7, channels=1)
    slow = write_track(tracks / "train" / "slow", 8, rate=8000)
    report = check_set(tracks)
    assert list(map(str, report.findings)) == [
        f"warning: {mono}: has 1 channel(s), most tracks have 2",
        f"warning: {slow}: has a rate of 8000 Hz, most tracks have 16000",
    ]


def test_the_command_checks_tracks(tracks):
    command = [sys.executable, "-m", "kerasvox.cli.main", "data", "check", str(tracks)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0
    assert "published" not in result.stdout
    (tracks / "train" / "a" / "vocals.wav").unlink()
    result = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert result.returncode == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding["message"] == "the stem vocals is missing (such as vocals.wav)"
