import av
import numpy as np
import pytest
import soundfile

from kerasvox.data.shards.plan import _size
from kerasvox.data.stems import Stems
from kerasvox.errors import DataError, UsageError

RATE = 16000
PARTS = ("drums", "bass", "other")


def noise(samples=4000, channels=2, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal((samples, channels))


@pytest.fixture
def write_track(tmp_path):
    """Return a writer of a track's stems; a stem's audio or rate may be given."""

    def write(name, stems, rate=RATE, suffix=".wav", rates=None):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        if not isinstance(stems, dict):
            stems = {stem: noise(seed=seed) for seed, stem in enumerate(stems)}
        for stem, audio in stems.items():
            soundfile.write(folder / (stem + suffix), audio, (rates or {}).get(stem, rate))
        return folder

    return write


def write_stem_file(path, streams, rate=44100):
    """Write a .stem.mp4: an AAC stream for each of the arrays of shape (samples, 2)."""
    with av.open(str(path), "w", format="mp4") as container:
        tracks = [container.add_stream("aac", rate=rate, layout="stereo") for _ in streams]
        for track, audio in zip(tracks, streams, strict=True):
            for start in range(0, len(audio), 1024):
                planar = np.ascontiguousarray(audio[start : start + 1024].T.astype(np.float32))
                frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = rate, start
                container.mux(track.encode(frame))
            container.mux(track.encode(None))
    return path


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
@pytest.mark.parametrize("name", ["accompaniment", "instrumental", "no_vocals"])
def test_a_track_of_two_files(tmp_path, write_track, suffix, name):
    folder = write_track("Ann - Song", ["vocals", name, "mixture"], suffix=suffix)
    (track,) = Stems(tmp_path).tracks
    assert (track.name, track.singer, track.song) == ("Ann - Song", "Ann", "Ann - Song")
    found = track.channels(RATE)
    expected = [soundfile.read(folder / f"{stem}{suffix}")[0].T for stem in ("vocals", name)]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(track.sources(RATE), np.mean(expected, axis=1), atol=1e-6)


def test_three_stems_add_up_to_the_accompaniment(tmp_path, write_track):
    folder = write_track("song", ["vocals", *PARTS, "mixture"])
    found = Stems(tmp_path).tracks[0].channels(RATE)
    parts = [soundfile.read(folder / f"{part}.wav")[0].T for part in PARTS]
    np.testing.assert_allclose(found[1], np.sum(parts, axis=0), atol=1e-6)


def test_a_mono_track_has_one_channel(tmp_path, write_track):
    write_track("song", {stem: noise(channels=1) for stem in ("vocals", "accompaniment")})
    (track,) = Stems(tmp_path).tracks
    assert track.channels(RATE).shape == (2, 1, 4000)
    assert track.sources(RATE).shape == (2, 4000)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_every_rate_is_resampled(tmp_path, write_track, rate):
    tone = 0.5 * np.sin(2 * np.pi * 440 / rate * np.arange(rate))[:, np.newaxis]
    write_track("song", {"vocals": tone, "accompaniment": tone / 2}, rate=rate)
    vocals, accompaniment = Stems(tmp_path).tracks[0].sources(RATE)
    expected = 0.5 * np.sin(2 * np.pi * 440 / RATE * np.arange(RATE))
    np.testing.assert_allclose(vocals[1000:-1000], expected[1000:-1000], atol=1e-3)
    np.testing.assert_allclose(accompaniment, vocals / 2, atol=1e-4)


def test_a_stem_file_of_musdb(tmp_path):
    time = np.arange(44100)
    streams = [
        0.1 * np.sin(2 * np.pi * pitch / 44100 * time)[:, np.newaxis] * [1.0, 0.5]
        for pitch in (100, 200, 300, 400, 800)
    ]
    write_stem_file(tmp_path / "Bea - Tune.stem.mp4", streams)
    (track,) = Stems(tmp_path).tracks
    assert (track.name, track.singer) == ("Bea - Tune", "Bea")
    found = track.channels(44100)
    assert found.shape[:2] == (2, 2)
    expected = np.stack([streams[4].T, np.sum(streams[1:4], axis=0).T])
    inside = slice(4000, 40000)
    assert np.std(found[..., inside] - expected[..., inside]) < 0.05 * np.std(expected)
    assert track.sources(RATE).shape == (2, -(-found.shape[2] * RATE // 44100))


def test_a_stem_file_in_upper_case_is_the_same(tmp_path):
    path = write_stem_file(tmp_path / "a.stem.mp4", [noise(44100)] * 5)
    (lower,) = Stems(tmp_path).tracks
    size = _size(lower, RATE)
    path.rename(tmp_path / "A.STEM.MP4")
    (upper,) = Stems(tmp_path).tracks
    assert upper.name == "A"
    assert _size(upper, RATE) == size


def test_a_stem_file_with_too_few_streams_is_named(tmp_path):
    path = write_stem_file(tmp_path / "song.stem.mp4", [noise()] * 3)
    with pytest.raises(DataError, match=r"has 3 audio stream\(s\); a .stem.mp4 has 5") as caught:
        Stems(tmp_path).tracks[0].sources(RATE)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_damaged_stem_file_is_named(tmp_path):
    path = write_stem_file(tmp_path / "song.stem.mp4", [noise(44100)] * 5)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError) as caught:
        Stems(tmp_path).tracks[0].sources(RATE)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_folders_name_the_splits(tmp_path, write_track):
    for name in ("train/a", "train/b", "valid/c", "test/d"):
        write_track(name, ["vocals", "accompaniment"])
    stems = Stems(tmp_path)
    found = {
        split: [clip.name for clip in stems.clips(split)] for split in ("train", "dev", "test")
    }
    assert found == {"train": ["a", "b"], "dev": ["c"], "test": ["d"]}
    with pytest.raises(UsageError, match="unknown split 'valid'"):
        stems.clips("valid")


def test_without_folders_a_seed_chooses(tmp_path, write_track):
    for number in range(6):
        write_track(f"track {number}", ["vocals", "accompaniment"])
    splits = [tuple(clip.name for clip in Stems(tmp_path, seed).clips("dev")) for seed in range(12)]
    assert all(len(names) == 1 for names in splits)
    assert len(set(splits)) > 1
    assert tuple(clip.name for clip in Stems(tmp_path, 3).clips("dev")) == splits[3]


FAULTS = {
    "the stem vocals is missing": ["accompaniment"],
    "the stem accompaniment is missing": ["vocals", "mixture"],
    "the stem bass is missing": ["vocals", "drums", "other"],
}


@pytest.mark.parametrize("message", FAULTS)
def test_a_missing_stem_is_named(tmp_path, write_track, message):
    folder = write_track("song", FAULTS[message])
    with pytest.raises(DataError, match=message) as caught:
        Stems(tmp_path)
    assert str(caught.value).startswith(f"{folder}: ")


def test_audio_that_the_sum_of_the_parts_would_lack_is_refused(tmp_path, write_track):
    folder = write_track("song", ["vocals", *PARTS, "mixture", "guitar", "piano"])
    with pytest.raises(DataError, match=r"song: guitar.wav, piano.wav would be left out"):
        Stems(tmp_path)
    soundfile.write(folder / "accompaniment.wav", noise(), RATE)
    assert Stems(tmp_path).tracks[0].accompaniment == (folder / "accompaniment.wav",)


ODD = {
    "its rate is 8000 Hz and that of vocals.wav is 16000 Hz": ({}, {"accompaniment": 8000}),
    r"has 1 channel\(s\) and vocals.wav has 2": ({"accompaniment": noise(channels=1)}, {}),
    "has 3 channels; stems are mono or stereo": ({"accompaniment": noise(channels=3)}, {}),
    "is 0.100 s long and vocals.wav 0.250 s": ({"accompaniment": noise(1600)}, {}),
    "silent accompaniment; leave the track out": ({"accompaniment": np.zeros((4000, 2))}, {}),
    "holds NaN or infinite samples": ({"accompaniment": np.full((4000, 2), np.nan)}, {}),
}


@pytest.mark.parametrize("message", ODD)
def test_an_odd_stem_is_named_in_one_line(tmp_path, message):
    folder = tmp_path / "song"
    folder.mkdir()
    stems, rates = ODD[message]
    for stem, audio in {"vocals": noise(), "accompaniment": noise(), **stems}.items():
        soundfile.write(folder / f"{stem}.wav", audio, rates.get(stem, RATE), "FLOAT")
    with pytest.raises(DataError, match=message) as caught:
        Stems(tmp_path).tracks[0].sources(RATE)
    assert str(caught.value).startswith(f"{folder / 'accompaniment.wav'}: ")
    assert "\n" not in str(caught.value)


def test_a_padding_of_the_encoder_is_cut_off(tmp_path, write_track):
    write_track("song", {"vocals": noise(4000), "accompaniment": noise(4500)})
    assert Stems(tmp_path).tracks[0].sources(RATE).shape == (2, 4000)


def test_a_stem_in_two_formats_is_refused(tmp_path, write_track):
    folder = write_track("song", ["vocals", "accompaniment"])
    soundfile.write(folder / "vocals.flac", noise(), RATE)
    with pytest.raises(DataError, match=r"vocals.wav: the vocals are also in vocals.flac"):
        Stems(tmp_path)


def test_one_track_in_two_folders_is_refused(tmp_path, write_track):
    for split in ("train", "test"):
        write_track(f"{split}/song", ["vocals", "accompaniment"])
    with pytest.raises(DataError, match="the track is also at"):
        Stems(tmp_path)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_a_folder_without_tracks_is_refused(tmp_path, make):
    make(tmp_path / "data")
    with pytest.raises(DataError, match=str(tmp_path / "data")):
        Stems(tmp_path / "data")
