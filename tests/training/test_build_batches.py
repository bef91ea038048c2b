import numpy as np
import pytest
import soundfile

from kerasvox.data.open_data import open_data
from kerasvox.data.shards.prepare import prepare
from kerasvox.data.tfio import load_graph
from kerasvox.errors import RecipeError, UsageError
from kerasvox.training.build import build_batches, build_separator
from kerasvox.training.recipe import read_recipe


@pytest.fixture
def tracks(tmp_path):
    """A folder of six stereo tracks of 16 bits at 16 kHz."""
    for number in range(6):
        folder = tmp_path / "tracks" / f"track {number}"
        folder.mkdir(parents=True)
        for seed, stem in enumerate(("vocals", "accompaniment")):
            noise = np.random.default_rng([number, seed]).standard_normal((20000, 2)) / 10
            soundfile.write(folder / f"{stem}.wav", noise, 16000)
    return tmp_path / "tracks"


def with_data(recipe, **options):
    """Return a recipe whose data section says more."""
    text = "".join(f"{name}: {value}, " for name, value in options.items())
    recipe.write_text(recipe.read_text().replace("data: {", "data: {" + text))
    return read_recipe(recipe)


def batches(recipe, folder):
    data = open_data(folder, recipe.data.set, recipe.data.split_seed)
    return build_batches(recipe, build_separator(recipe), data.clips("train"))


def test_what_is_off_leaves_the_batches_as_they_were(recipe, songs):
    plain = batches(read_recipe(recipe), songs).batch(3)
    off = with_data(recipe, polarity=0.0, channel_swap=0.0, channels="downmix", set="mir1k")
    np.testing.assert_array_equal(batches(off, songs).batch(3), plain)


def test_sources_that_were_read_give_the_same_batches(recipe, songs):
    recipe = read_recipe(recipe)
    clips = open_data(songs, "mir1k").clips("train")
    sources = [clip.sources(16000) for clip in clips]
    found = build_batches(recipe, build_separator(recipe), clips, sources).batch(1)
    np.testing.assert_array_equal(found, batches(recipe, songs).batch(1))


@pytest.mark.parametrize("channels", ["downmix", "random"])
def test_shards_train_as_the_tracks_they_were_made_of(recipe, tracks, tmp_path, channels):
    recipe = with_data(recipe, set="stems", channels=channels, polarity=0.5, equal_singers="true")
    shards = prepare(tracks, tmp_path / "shards", workers=1)
    expected = batches(recipe, tracks)
    found = batches(recipe, shards)
    for step in (0, 9):
        np.testing.assert_array_equal(found.batch(step), expected.batch(step))


def test_the_decoder_of_a_recipe_is_used(recipe, songs):
    default = read_recipe(recipe)
    tfio = with_data(recipe, decoder="tfio")
    try:
        load_graph()
    except UsageError as error:
        with pytest.raises(UsageError, match="tensorflow-io") as caught:
            batches(tfio, songs)
        assert str(caught.value) == str(error)  # noqa: PT017
    else:
        expected = batches(default, songs).batch(0)
        np.testing.assert_array_equal(batches(tfio, songs).batch(0), expected)


def test_the_channels_of_a_recipe_reach_the_batches(recipe, tracks):
    stems = with_data(recipe, set="stems")
    downmix = batches(stems, tracks).batch(0)
    random = batches(with_data(recipe, channels="random"), tracks).batch(0)
    assert not np.array_equal(random, downmix)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"channel_swap": 0.5}, "channel_swap needs channels: random"),
        ({"polarity": 2.0}, "polarity"),
        ({"set": "musdb"}, "data.*set"),
        ({"channels": "left"}, "channels"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_told_so_in_one_line(recipe, options, named):
    with pytest.raises(RecipeError, match=named) as caught:
        with_data(recipe, **options)
    assert "\n" not in str(caught.value)
