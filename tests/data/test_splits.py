from hypothesis import given
from hypothesis import strategies as st

from kerasvox.data.splits import SPLITS, split_tracks

NAMES = st.sets(st.text("abc", min_size=1, max_size=6), max_size=40)


@given(names=NAMES, seed=st.integers(0, 99))
def test_every_track_has_a_split_and_ones_in_ten_are_kept_back(names, seed):
    splits = split_tracks(dict.fromkeys(names), seed)
    assert splits.keys() == names
    counts = {split: list(splits.values()).count(split) for split in SPLITS}
    assert counts["test"] == len(names) // 10
    assert counts["dev"] == (max(1, len(names) // 10) if len(names) > 1 else 0)


@given(names=NAMES, seed=st.integers(0, 99))
def test_the_order_of_the_tracks_changes_nothing(names, seed):
    forwards = split_tracks(dict.fromkeys(sorted(names)), seed)
    assert forwards == split_tracks(dict.fromkeys(sorted(names, reverse=True)), seed)


def test_without_a_folder_that_develops_tracks_that_train_do():
    folders = {f"track {number}": "train" if number < 30 else "test" for number in range(40)}
    splits = split_tracks(folders)
    developing = [name for name, split in splits.items() if split == "dev"]
    assert len(developing) == 3
    assert all(folders[name] == "train" for name in developing)
    assert [name for name, split in splits.items() if split == "test"] == [
        name for name, folder in folders.items() if folder == "test"
    ]


def test_folders_of_all_splits_are_kept():
    folders = {f"{split} {number}": split for split in SPLITS for number in range(20)}
    assert split_tracks(folders, seed=5) == folders
