import pytest

from kerasvox.audio.songs import find_songs
from kerasvox.errors import AudioError


def test_a_folder_stands_for_its_audio_files(tmp_path):
    for name in ("b.WAV", "a.mp3", "notes.txt", ".hidden.wav"):
        (tmp_path / name).touch()
    (tmp_path / "deeper.wav").mkdir()
    assert [song.name for song in find_songs(tmp_path)] == ["a.mp3", "b.WAV"]


def test_a_file_stands_for_itself(tmp_path):
    assert find_songs(tmp_path / "any.name") == [tmp_path / "any.name"]


def test_a_folder_without_audio(tmp_path):
    with pytest.raises(AudioError, match="holds no audio file"):
        find_songs(tmp_path)
