import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from kerasvox.data.check_set import check_set
from kerasvox.data.shards.prepare import prepare
from kerasvox.data.stems import Stems
from kerasvox.errors import DataError


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


def test_what_lies_there_unused_is_a_warning(tracks):
    (tracks / "train" / "empty").mkdir()
    write_track(tracks / "train" / "album" / "d", 4)
    train, a = tracks / "train", tracks / "train" / "a"
    shutil.copy(a / "vocals.wav", train / "loose.wav")
    shutil.copy(a / "vocals.wav", tracks / "song.MP3")
    for name in ("guitar.wav", "mixture.flac", "Mix.wav", "drums.wav"):
        shutil.copy(a / "vocals.wav", a / name)
    (a / "midi").mkdir()
    (train / "notes.txt").touch()
    report = check_set(tracks)
    assert list(map(str, report.findings)) == [
        f"warning: {tracks / 'song.MP3'}: "
        "is no track: that is a folder of stems, or a .stem.mp4; not used",
        f"warning: {a / 'guitar.wav'}: is not named as a stem; not used",
        f"warning: {a / 'midi'}: is a folder inside a track; not used",
        f"warning: {train / 'album'}: is no track: no audio lies directly in it; not used",
        f"warning: {train / 'empty'}: is no track: no audio lies directly in it; not used",
        f"warning: {train / 'loose.wav'}: "
        "is no track: that is a folder of stems, or a .stem.mp4; not used",
    ]
    assert report.clips == {"train": 1, "dev": 1, "test": 1}


def test_what_an_added_up_accompaniment_would_lack_is_an_error(tracks):
    b = tracks / "train" / "b"
    (b / "accompaniment.wav").rename(b / "drums.wav")
    for name in ("bass", "other", "guitar", "piano"):
        shutil.copy(b / "drums.wav", b / f"{name}.wav")
    (finding,) = check_set(tracks).findings
    assert (finding.severity, finding.path) == ("error", b)
    assert finding.message.startswith("guitar.wav, piano.wav would be left out")


def test_a_name_that_is_not_utf8_is_refused_in_one_line(tracks, tmp_path):
    (tracks / "train" / "a").rename(tracks / "train" / os.fsdecode(b"caf\xe9"))
    message = f"{tracks / 'train'}/caf\\xe9: its name is not UTF-8; give the track another"
    for read in (check_set, Stems, lambda path: prepare(path, tmp_path / "shards")):
        with pytest.raises(DataError) as caught:
            read(tracks)
        assert str(caught.value) == message
    command = [sys.executable, "-m", "kerasvox.cli.main", "data", "check", str(tracks), "--json"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == f"kerasvox: {message}"


def test_unused_files_of_any_name_can_be_printed(tracks):
    vocals = tracks / "train" / "a" / "vocals.wav"
    for folder in (vocals.parent, tracks / "test"):
        shutil.copy(vocals, folder / os.fsdecode(b"caf\xe9.wav"))
    report = check_set(tracks)
    lines = [str(finding) for finding in report.findings]
    assert len(lines) == 2
    assert all("caf\\xe9.wav: " in line for line in lines)
    assert json.dumps(report.to_dict(), ensure_ascii=False).encode().count(b"caf\\\\xe9.wav") == 2


@pytest.mark.parametrize("name", ["a: b", "vocals.wav: c"])
def test_a_colon_in_the_name_of_a_track_is_part_of_its_path(tracks, name):
    silent = write_track(tracks / "train" / name, 4, vocals=np.zeros((4000, 2)))
    (write_track(tracks / "test" / name.upper(), 5) / "vocals.wav").unlink()
    found = [(finding.path, finding.message) for finding in check_set(tracks).findings]
    assert found == [
        (tracks / "test" / name.upper(), "the stem vocals is missing (such as vocals.wav)"),
        (silent / "vocals.wav", "silent vocals; leave the track out"),
    ]


def test_the_name_of_a_stem_file_is_the_same_in_check_and_set(tracks):
    write_track(tracks / "train" / "Song", 4)
    write_track(tracks / "train" / "folder.stem.mp4", 5)
    (tracks / "test" / "Song.STEM.MP4").write_bytes(b"no audio")
    kinds = {finding.kind: finding for finding in check_set(tracks).findings}
    first = tracks / "test" / "Song.STEM.MP4"
    assert kinds["duplicate"].message == f"the track is also at {first}; keep one"
    first.unlink()
    clips = {split: len(Stems(tracks).clips(split)) for split in ("train", "dev", "test")}
    assert check_set(tracks).clips == clips
    assert "folder.stem.mp4" in [track.name for track in Stems(tracks).tracks]


def test_vocals_that_cancel_in_a_downmix_are_a_warning(tracks):
    left = np.random.default_rng(4).standard_normal((4000, 1)) / 10
    opposed = write_track(tracks / "train" / "d", 4, vocals=np.hstack([left, -left]))
    (finding,) = check_set(tracks).findings
    assert (finding.severity, finding.path) == ("warning", opposed)
    assert finding.message == "silent vocals in a downmix: the channels cancel each other"


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
