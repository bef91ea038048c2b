"""Which clips train, and which ones score."""

from kerasvox.data.clip import Clip
from kerasvox.data.holdout import hold_out, hold_out_singer
from kerasvox.data.open_data import DataSet
from kerasvox.errors import DataError
from kerasvox.training.sections import Recipe


def choose_clips(recipe: Recipe, data_set: DataSet) -> dict[str, list[Clip]]:
    """Return the clips that train, and those that score: dev clips and what is held out.

    Args:
        recipe: says what of the training clips is held out.
        data_set: the data.

    Returns:
        `{"train", "dev"}`.

    Raises:
        DataError: if a split holds no clip, or there is not so much to hold out.
    """
    clips = {split: data_set.clips(split) for split in ("train", "dev")}
    for split in clips:
        if not clips[split]:
            raise DataError(f"{data_set.directory}: holds no clip of the {split} split")
    if recipe.data.held_out_songs:
        kept, held_out = hold_out(clips["train"], recipe.data.held_out_songs)
        clips = {"train": kept, "dev": [*clips["dev"], *held_out]}
    if recipe.data.held_out_singer:
        everything = [*clips["train"], *clips["dev"]]
        kept, held_out = hold_out_singer(everything, recipe.data.held_out_singer)
        clips = {"train": [clip for clip in kept if clip in clips["train"]], "dev": held_out}
    return clips
