from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasvox.data.clip import Clip
from kerasvox.data.holdout import hold_out
from kerasvox.data.mir1k import MIR1K
from kerasvox.errors import UsageError

CLIPS = [
    Clip(name, Path(f"{name}.wav"))
    for name in (f"amy_{song}_{part:02}" for song in range(1, 11) for part in range(1, 4))
]


@given(songs=st.integers(0, 9), seed=st.integers(0, 100))
def test_no_song_is_on_both_sides(songs, seed):
    stay, held_out = hold_out(CLIPS, songs, seed)
    assert sorted(stay + held_out) == sorted(CLIPS)
    assert len({clip.song for clip in held_out}) == songs
    assert not {clip.song for clip in stay} & {clip.song for clip in held_out}


def test_the_seed_chooses_and_the_order_of_the_clips_does_not():
    _, held_out = hold_out(CLIPS, 3, seed=1)
    _, again = hold_out(CLIPS[::-1], 3, seed=1)
    assert sorted(again) == held_out
    choices = {tuple(hold_out(CLIPS, 3, seed)[1]) for seed in range(20)}
    assert len(choices) > 10


@pytest.mark.parametrize("songs", [-1, 10, 11])
def test_one_song_has_to_stay(songs):
    with pytest.raises(UsageError, match=f"hold out {songs} of 10"):
        hold_out(CLIPS, songs)


@pytest.mark.mir1k
def test_mir1k_splits_by_song(mir1k):
    stay, held_out = hold_out(MIR1K(mir1k).clips("train"), 4)
    assert len(stay) + len(held_out) == 171
    assert len({clip.song for clip in held_out}) == 4
