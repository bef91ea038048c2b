import numpy as np
import pytest
import soundfile

from kerasvox.data.clip import Clip
from kerasvox.errors import DataError


def sources_of(path, rate=16000):
    return Clip(path.stem, path).sources(rate)


def test_sources_are_vocals_then_accompaniment(write_clip, make_audio):
    audio = make_audio()
    sources = sources_of(write_clip("amy_1_01.wav", audio, subtype="FLOAT"))
    np.testing.assert_array_equal(sources, [audio[:, 1], audio[:, 0]])
    assert sources.dtype == np.float32
    assert sources.flags.c_contiguous


def test_the_song_is_the_name_without_the_clip_number(tmp_path):
    assert Clip("amy_12_03", tmp_path / "amy_12_03.wav").song == "amy_12"


@pytest.mark.parametrize(
    ("audio", "rate", "complaint"),
    [
        (np.zeros((100, 1)), 16000, "1 channel"),
        (np.zeros((100, 8)), 16000, "8 channel"),
        (np.zeros((100, 2)), 8000, "8000 Hz; the model works at 16000 Hz"),
        (np.zeros((0, 2)), 16000, "no samples"),
        (np.full((100, 2), np.nan), 16000, "NaN"),
        (np.full((100, 2), np.inf), 16000, "infinite"),
    ],
)
def test_an_unusable_clip_is_named_with_its_fault(write_clip, audio, rate, complaint):
    path = write_clip("amy_1_01.wav", audio, rate, subtype="FLOAT")
    with pytest.raises(DataError, match=complaint) as caught:
        sources_of(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_audio_is_named_once(tmp_path):
    path = tmp_path / "amy_1_01.wav"
    path.write_text("no audio")
    with pytest.raises(DataError, match="is not audio in a format") as caught:
        sources_of(path)
    assert str(caught.value).count(str(path)) == 1


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        sources_of(tmp_path / "amy_1_01.wav")


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_truncated_wav_is_no_shorter_clip(write_clip, subtype):
    path = write_clip("amy_1_01.wav", subtype=subtype)
    path.write_bytes(path.read_bytes()[:-1000])
    assert len(soundfile.read(path)[0]) > 0, "libsndfile reads what is left"
    with pytest.raises(DataError, match="is cut short or damaged"):
        sources_of(path)


def test_a_truncated_flac_is_refused(write_clip):
    path = write_clip("amy_1_01.flac")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="is cut short or damaged"):
        sources_of(path)


@pytest.mark.parametrize("trailer", [b"", b"LIST\x04\x00\x00\x00INFO"])
def test_a_whole_wav_is_not_called_truncated(write_clip, make_audio, trailer):
    path = write_clip("amy_1_01.wav")
    path.write_bytes(path.read_bytes() + trailer)
    assert sources_of(path).shape == (2, len(make_audio()))


def test_a_wav_written_to_a_pipe_is_not_called_truncated(write_clip, make_audio):
    path = write_clip("amy_1_01.wav")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff\xff\xff\xff"
    content[4:8] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert sources_of(path).shape == (2, len(make_audio()))
