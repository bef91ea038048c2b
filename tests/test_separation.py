import json
import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import soundfile

from kerasvox.errors import AudioError, UsageError
from kerasvox.models.drnn.separator import DRNNSeparator
from kerasvox.separation import (
    chunk_layout,
    separate_array,
    separate_file,
    separate_file_to_arrays,
)


@pytest.fixture(scope="module")
def separator():
    keras.utils.set_random_seed(0)
    return DRNNSeparator(units=32)


def noise(samples, channels=2):
    generator = np.random.default_rng(samples)
    return generator.uniform(-0.4, 0.4, (channels, samples)).astype(np.float32)


def write(path, waveform, rate=44100, subtype="FLOAT"):
    soundfile.write(path, waveform.T, rate, subtype=subtype)
    return path


def read(path):
    return soundfile.read(path, dtype="float32", always_2d=True)[0].T


def test_chunks_equal_the_whole(separator):
    waveform = noise(16000 * 75 + 123, 1)
    assert waveform.shape[1] > 3 * chunk_layout(separator).samples
    whole = separator.predict_on_batch(waveform)
    chunked = separate_array(separator, waveform, 16000)
    for stem in separator.stems:
        np.testing.assert_allclose(chunked[stem], whole[stem], atol=1e-5)


def test_channels_are_separated_by_themselves(separator):
    waveform = noise(8000, 3)
    together = separate_array(separator, waveform, 16000)["vocals"]
    for channel, expected in zip(waveform, together, strict=True):
        alone = separate_array(separator, channel, 16000)["vocals"]
        np.testing.assert_allclose(alone, expected, atol=1e-5)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 192000])
@pytest.mark.parametrize("shape", [(0,), (1,), (2, 0), (2, 1), (8, 5), (1, 30001)])
def test_stems_have_the_inputs_shape_and_sum_to_it(separator, rate, shape):
    waveform = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    stems = separate_array(separator, waveform, rate)
    assert list(stems) == ["vocals", "accompaniment"]
    for stem in stems.values():
        assert stem.shape == shape
        assert stem.dtype == np.float32
    np.testing.assert_allclose(sum(stems.values()), waveform, atol=1e-6)


def test_what_lies_above_the_models_band_stays_in_the_accompaniment(separator):
    tone = np.sin(2 * np.pi * 12000 * np.arange(44100) / 44100).astype(np.float32)
    stems = separate_array(separator, tone, 44100)
    inner = slice(6000, -6000)
    assert np.abs(stems["vocals"][inner]).max() < 1e-3
    np.testing.assert_allclose(stems["accompaniment"][inner], tone[inner], atol=1e-3)


def test_there_is_no_delay(separator):
    """Vocals of a click lie around the click, at the input's rate."""
    click = np.zeros(44100, np.float32)
    click[30000] = 1
    vocals = separate_array(separator, click, 44100)["vocals"]
    assert abs(int(np.abs(vocals).argmax()) - 30000) <= 3


def test_silence_stays_silence(separator):
    stems = separate_array(separator, np.zeros((2, 40000), np.float32), 44100)
    assert not any(stem.any() for stem in stems.values())


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 3, 4), np.float32), r"\(2, 3, 4\)"),
        (np.zeros((44100, 2), np.float32), r"\(44100, 2\)"),
        (np.zeros((0, 4), np.float32), r"\(0, 4\)"),
        (np.zeros(4, np.int16), "int16"),
        (np.array([0, np.nan], np.float32), "NaN"),
    ],
)
def test_arrays_that_are_no_audio(separator, array, words):
    with pytest.raises(AudioError, match=words):
        separate_array(separator, array, 44100)


@pytest.mark.parametrize(
    ("samples", "channels", "rate"),
    [(0, 2, 44100), (1, 1, 44100), (30000, 8, 44100), (9000, 1, 8000), (90000, 2, 192000)],
)
def test_files(separator, tmp_path, samples, channels, rate):
    waveform = noise(samples, channels)
    song = write(tmp_path / "my song.wav", waveform, rate)
    manifest = separate_file(separator, song, tmp_path / "out")
    folder = tmp_path / "out" / "my song"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["accompaniment.wav", "separation.json", "vocals.wav"]
    assert json.loads((folder / "separation.json").read_text()) == manifest
    assert (manifest["samples"], manifest["channels"]) == (samples, channels)
    assert manifest["rate"] == soundfile.info(folder / "vocals.wav").samplerate == rate
    stems = {stem: read(folder / f"{stem}.wav") for stem in separator.stems}
    expected = separate_file_to_arrays(separator, song)
    for name, stem in stems.items():
        assert stem.shape == waveform.shape
        np.testing.assert_allclose(stem, expected[name], atol=1e-6)
        peak = np.abs(stem).max() if samples else 0
        assert manifest["stems"][name]["peak"] == pytest.approx(peak, abs=1e-6)
    np.testing.assert_allclose(sum(stems.values()), waveform, atol=1e-6)


@pytest.mark.parametrize(
    ("subtype", "format", "expected"),
    [
        ("PCM_U8", "wav", "PCM_U8"),
        ("PCM_24", "wav", "PCM_24"),
        ("FLOAT", "wav", "FLOAT"),
        ("ULAW", "wav", "PCM_16"),
        ("PCM_16", "flac", "PCM_16"),
        ("PCM_U8", "flac", "PCM_S8"),
        ("FLOAT", "flac", "PCM_24"),
        ("PCM_24", "mp3", "MPEG_LAYER_III"),
    ],
)
def test_encodings(separator, tmp_path, subtype, format, expected):
    song = write(tmp_path / "a.wav", noise(5000), subtype=subtype)
    separate_file(separator, song, tmp_path, format=format, stems=["vocals"])
    info = soundfile.info(tmp_path / "a" / f"vocals.{format}")
    assert (info.subtype, info.frames) == (expected, 5000)
    assert not (tmp_path / "a" / f"accompaniment.{format}").exists()


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_integer_stems_sum_to_the_song_within_one_step(separator, tmp_path, format):
    song = write(tmp_path / "a.wav", noise(20000), subtype="PCM_16")
    separate_file(separator, song, tmp_path, format=format)
    total = sum(read(tmp_path / "a" / f"{stem}.{format}") for stem in separator.stems)
    assert np.abs(total - read(song)).max() <= 1.01 / 2**15


def test_clipped_samples_are_counted_in_the_manifest(separator, tmp_path):
    song = write(tmp_path / "a.wav", 3 * noise(20000), subtype="PCM_16")
    stems = separate_array(separator, read(song), 44100)
    manifest = separate_file(separator, song, tmp_path)
    assert {name: written["clipped"] for name, written in manifest["stems"].items()} == {
        name: int((np.abs(stem) > 1).sum()) for name, stem in stems.items()
    }


def test_progress_counts_seconds(separator, tmp_path):
    song = write(tmp_path / "a.wav", noise(8000 * 50, 1), 8000)
    seen = []
    separate_file(separator, song, tmp_path, progress=lambda *seconds: seen.append(seconds))
    assert (seen[0], seen[-1]) == ((0, 50), (50, 50))
    assert len(seen) > 2
    assert seen == sorted(seen)


def test_a_preset_is_named_with_its_weights(separator, tmp_path):
    separator.save_to_preset(tmp_path / "tiny")
    loaded = DRNNSeparator.from_preset(tmp_path / "tiny")
    manifest = separate_file(loaded, write(tmp_path / "a.wav", noise(100)), tmp_path)
    assert manifest["model"] == "tiny"
    assert manifest["weights_sha256"] in (tmp_path / "tiny" / "SHA256SUMS").read_text()


def contents(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_input_that_turns_bad_leaves_nothing(separator, tmp_path):
    waveform = noise(44100 * 30)
    waveform[1, -1] = np.nan
    song = write(tmp_path / "a.wav", waveform)
    with pytest.raises(AudioError, match=r"a\.wav: holds NaN"):
        separate_file(separator, song, tmp_path / "deep" / "out")
    assert contents(tmp_path) == ["a.wav"]


def test_a_name_that_is_not_utf8_is_refused_in_one_line(separator, tmp_path):
    song = tmp_path / os.fsdecode(b"caf\xe9.wav")
    song.touch()
    with pytest.raises(AudioError, match=r"caf\\xe9\.wav: its name is not UTF-8"):
        separate_file(separator, song, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_second_stem_that_fails_takes_the_first_along(separator, tmp_path):
    song = write(tmp_path / "a.wav", noise(1000))
    (tmp_path / "out" / "a" / "accompaniment.wav").mkdir(parents=True)
    with pytest.raises(AudioError, match=r"accompaniment\.wav: is a folder"):
        separate_file(separator, song, tmp_path / "out")
    assert contents(tmp_path / "out") == ["a", os.path.join("a", "accompaniment.wav")]


def test_separating_again_replaces(separator, tmp_path):
    song = write(tmp_path / "a.wav", noise(1000))
    separate_file(separator, song, tmp_path)
    write(song, noise(2000))
    separate_file(separator, song, tmp_path)
    assert soundfile.info(tmp_path / "a" / "vocals.wav").frames == 2000
    assert len(contents(tmp_path / "a")) == 3


def test_interruption_leaves_nothing(separator, tmp_path):
    song = write(tmp_path / "a.wav", noise(1000))

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        separate_file(separator, song, tmp_path, progress=interrupt)
    assert contents(tmp_path) == ["a.wav"]


@pytest.mark.parametrize(
    ("place", "named"), [("file/out", "file"), ("/proc/out", "/proc/out"), ("file", "file")]
)
def test_folders_that_cannot_be_written(separator, tmp_path, place, named):
    (tmp_path / "file").touch()
    song = write(tmp_path / "a.wav", noise(1000))
    with pytest.raises(AudioError, match=named) as error:
        separate_file(separator, song, tmp_path / place)
    assert "\n" not in str(error.value)
    assert contents(tmp_path) == ["a.wav", "file"]


@pytest.mark.parametrize("format", ["wav", "flac", "mp3"])
def test_a_disk_that_fills(tmp_path, format):
    """A limit on the size of files fails in a write as a full disk does."""
    write(tmp_path / "a.wav", noise(44100 * 5), subtype="PCM_16")
    script = f"""
        import resource, signal
        from kerasvox.errors import AudioError
        from kerasvox.models.drnn.separator import DRNNSeparator
        from kerasvox.separation import separate_file
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        separator = DRNNSeparator(units=8)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        try:
            separate_file(separator, "a.wav", "out", format={format!r})
        except AudioError as error:
            print(error)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.count("\n") == 1
    assert "cannot be written (File too large)" in run.stdout
    assert os.path.join("out", "a") in run.stdout
    assert contents(tmp_path) == ["a.wav"]


def test_requests_that_cannot_be(separator, tmp_path):
    song = write(tmp_path / "a.wav", noise(10))
    with pytest.raises(UsageError, match="'drums'; stems are vocals, accompaniment"):
        separate_file(separator, song, tmp_path, stems=["drums"])
    with pytest.raises(UsageError, match="'ogg'; formats are wav, flac, mp3"):
        separate_file(separator, song, tmp_path, format="ogg")
    (tmp_path / "vocals").mkdir()
    song = write(tmp_path / "vocals" / "vocals.wav", noise(10))
    with pytest.raises(UsageError, match="replaced by its own stem"):
        separate_file(separator, song, tmp_path)
