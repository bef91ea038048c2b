import pytest

from kerasvox.data.mir1k import MIR1K, SIZES, split_of
from kerasvox.errors import DataError, UsageError

NAMES = {"train": "amy_1_01", "dev": "amy_9_08", "test": "Ani_1_01"}


@pytest.mark.parametrize(
    "layout", ["{name}", "Wavfile/{name}", "{split}/{name}", "Wavfile/{split}/{name}"]
)
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
def test_every_layout_gives_the_same_split(tmp_path, write_clip, layout, suffix):
    for split, name in NAMES.items():
        write_clip(layout.format(split=split, name=name) + suffix)
    dataset = MIR1K(tmp_path)
    found = {split: [clip.name for clip in dataset.clips(split)] for split in NAMES}
    assert found == {split: [name] for split, name in NAMES.items()}


def test_the_name_decides_and_not_the_folder(tmp_path, write_clip):
    write_clip("train/Ani_1_01.wav")
    assert not MIR1K(tmp_path).clips("train")
    assert len(MIR1K(tmp_path).clips("test")) == 1


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("abjones_5_08", "dev"),
        ("abjones_5_10", "train"),
        ("amy_1_01", "train"),
        ("leon_9_08", "test"),
    ],
)
def test_split_of_a_name(name, split):
    assert split_of(name) == split


def test_clips_are_sorted_and_other_files_are_left_out(tmp_path, write_clip):
    for name in ("amy_2_01.wav", "amy_1_02.wav", "amy_1_01.flac", "mix.wav", "._amy_3_01.wav"):
        write_clip(name)
    (tmp_path / "amy_4_01.wav").mkdir()
    names = [clip.name for clip in MIR1K(tmp_path).clips("train")]
    assert names == ["amy_1_01", "amy_1_02", "amy_2_01"]


def test_a_clip_in_two_places_is_refused(tmp_path, write_clip):
    write_clip("train/amy_1_01.wav")
    write_clip("Wavfile/amy_1_01.flac")
    with pytest.raises(DataError, match="also at"):
        MIR1K(tmp_path)


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no MIR-1K clip"):
        MIR1K(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        MIR1K(tmp_path / "missing")


def test_an_unknown_split_is_refused(tmp_path, write_clip):
    write_clip("amy_1_01.wav")
    with pytest.raises(UsageError, match="'valid'; splits are train, dev, test"):
        MIR1K(tmp_path).clips("valid")


@pytest.mark.mir1k
def test_the_real_split(mir1k):
    dataset = MIR1K(mir1k)
    counts = {split: len(dataset.clips(split)) for split in SIZES}
    assert counts == {"train": 171, "dev": 4, "test": 165}
    sources = dataset.clips("train")[0].sources(MIR1K.rate)
    vocals, accompaniment = (sources**2).mean(axis=1)
    assert vocals == pytest.approx(accompaniment, rel=1e-2)
