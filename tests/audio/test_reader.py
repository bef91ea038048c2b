import io
import struct
import sys

import av
import numpy as np
import pytest
import soundfile

from kerasvox.audio.reader import AudioReader
from kerasvox.errors import AudioError

RATE = 48000


def noise(samples, channels=2, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (channels, samples)).astype(np.float32)


def write(path, waveform, rate=RATE, **options):
    soundfile.write(path, waveform.T, rate, **options)
    return path


def read(path, size=4096):
    with AudioReader(path) as reader:
        blocks = list(reader.blocks(size))
        assert all(block.dtype == np.float32 and block.shape[1] <= size for block in blocks)
        return np.concatenate([np.zeros((reader.channels, 0)), *blocks], axis=1)


def cut(path, fraction):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])
    return path


def write_m4a(path, waveform, rate=RATE):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(waveform, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_reads_what_soundfile_reads(tmp_path, subtype):
    path = write(tmp_path / "a.wav", noise(10000, 3), 22050, subtype=subtype)
    with AudioReader(path) as reader:
        assert (reader.rate, reader.channels, reader.samples) == (22050, 3, 10000)
        assert (reader.format, reader.subtype, reader.path) == ("WAV", subtype, path)
    np.testing.assert_array_equal(read(path), soundfile.read(path, dtype="float32")[0].T)


@pytest.mark.parametrize("suffix", ["flac", "mp3", "ogg", "aiff", "caf", "au"])
def test_reads_other_formats_whole(tmp_path, suffix):
    waveform = noise(30000)
    assert read(write(tmp_path / f"a.{suffix}", waveform)).shape == waveform.shape


def test_reads_m4a_through_pyav(tmp_path):
    time = np.arange(RATE) / RATE
    waveform = np.tile(np.sin(2 * np.pi * 440 * time), (2, 1)).astype(np.float32) / 2
    path = write_m4a(tmp_path / "a.m4a", waveform)
    with AudioReader(path) as reader:
        assert (reader.rate, reader.channels, reader.subtype) == (RATE, 2, "aac")
    decoded = read(path)
    assert abs(decoded.shape[1] - RATE) <= 1024
    assert np.abs(decoded[:, 5000:40000] - waveform[:, 5000:40000]).max() < 0.02


@pytest.mark.parametrize("samples", [0, 1])
def test_no_sample_and_one_sample_are_audio(tmp_path, samples):
    assert read(write(tmp_path / "a.wav", noise(samples))).shape == (2, samples)


@pytest.mark.parametrize(("channels", "rate"), [(8, 44100), (1, 8000), (2, 192000)])
def test_any_rate_and_number_of_channels(tmp_path, channels, rate):
    path = write(tmp_path / "a.wav", noise(1000, channels), rate)
    with AudioReader(path) as reader:
        assert (reader.rate, reader.channels) == (rate, channels)
    assert read(path).shape == (channels, 1000)


def test_the_content_decides_not_the_extension(tmp_path):
    path = write(tmp_path / "flac.mp3", noise(1000), format="FLAC")
    assert read(path).shape == (2, 1000)


def test_missing_folder_and_empty(tmp_path):
    (tmp_path / "empty.wav").touch()
    for name, words in [
        ("no.wav", "does not exist"),
        ("", "is a folder"),
        ("empty.wav", "0 bytes"),
    ]:
        with pytest.raises(AudioError, match=words) as error:
            AudioReader(tmp_path / name)
        assert str(tmp_path / name) in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["notes.txt", "notes.wav", "notes.flac", "bytes.bin"])
def test_no_audio(tmp_path, name):
    random = np.random.default_rng(0).bytes(20000)
    (tmp_path / name).write_bytes(random if name == "bytes.bin" else b"hello world\n" * 1000)
    with pytest.raises(AudioError, match="not audio") as error:
        AudioReader(tmp_path / name)
    assert name in str(error.value)


@pytest.mark.parametrize("fraction", [0.3, 0.97])
@pytest.mark.parametrize(
    "suffix", ["wav", "flac", "mp3", "ogg", "opus", "aiff", "au", "w64", "caf"]
)
def test_files_that_are_cut_short(tmp_path, suffix, fraction):
    options = {"opus": {"format": "OGG", "subtype": "OPUS"}}.get(suffix, {})
    path = cut(write(tmp_path / f"a.{suffix}", noise(4 * RATE), **options), fraction)
    with pytest.raises(AudioError, match="cut short") as error:
        read(path)
    assert path.name in str(error.value)
    assert "\n" not in str(error.value)


def test_an_mp3_cut_short_is_told_before_mpg123_complains(tmp_path, capfd):
    path = cut(write(tmp_path / "a.mp3", noise(4 * RATE)), 0.5)
    with pytest.raises(AudioError, match="bytes promised"):
        AudioReader(path)
    assert capfd.readouterr().err == ""


def test_without_pyav_there_is_a_hint(tmp_path, monkeypatch):
    path = write_m4a(tmp_path / "a.m4a", noise(RATE))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioError, match=r"a\.m4a: .*pip install av"):
        AudioReader(path)


def test_an_m4a_cut_short(tmp_path):
    path = cut(write_m4a(tmp_path / "a.m4a", noise(2 * RATE)), 0.5)
    with pytest.raises(AudioError, match=path.name):
        read(path)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, 0xFFFFF000])
def test_sizes_that_a_stream_leaves_open_are_legal(tmp_path, size):
    content = io.BytesIO()
    soundfile.write(content, noise(20000).T, RATE, format="WAV")
    header = bytearray(content.getvalue())
    header[4:8] = header[40:44] = struct.pack("<I", size)
    (tmp_path / "a.wav").write_bytes(header)
    np.testing.assert_allclose(read(tmp_path / "a.wav"), noise(20000), atol=2**-15)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers(tmp_path, value):
    waveform = noise(RATE)
    waveform[1, RATE // 2] = value
    path = write(tmp_path / "a.wav", waveform, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"a\.wav: holds NaN or infinite samples.* 0\.500 s"):
        read(path)
