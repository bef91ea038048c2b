"""What a model card says of the data that a preset was trained on."""

from dataclasses import dataclass
from typing import Any

from kerasvox.training.sections import Recipe


@dataclass(frozen=True)
class DataTexts:
    """The parts of a card that depend on the data set.

    Attributes:
        datasets: for the card's front matter.
        clips: what trained, and how it was split.
        scores: whose clips score, and how loud their sources are.
        limits: what the model does not know.
    """

    datasets: str
    clips: str
    scores: str
    limits: str


def data_texts(recipe: Recipe, data: dict[str, Any]) -> DataTexts:
    """Return the texts for a recipe.

    Args:
        recipe: the recipe.
        data: the section `data` of the training metrics.
    """
    count = data["train"]["clips"]
    if recipe.data.set == "mir1k":
        singer = recipe.data.held_out_singer
        trained = f"without the singer {singer}" if singer else "singers abjones and amy"
        dev = f"those of {singer}, who does not train" if singer else "of the two singers who train"
        return DataTexts(
            datasets="[MIR-1K]",
            clips=f"{count} MIR-1K clips ({trained}) as split by Huang et al.",
            scores=f"0 dB mixtures, weights as stored (float16). The dev clips are {dev}, "
            "the test clips of the 17 others.",
            limits="Trained on less than half an hour of Chinese karaoke pop by two amateur "
            "singers: other genres, choirs and instruments that sound like a voice come out worse "
            "than the scores say. MIR-1K is for research use.",
        )
    return DataTexts(
        datasets="[]",
        clips=f"{count} tracks with stems, split by their folders or, where there are none, by "
        f"seed {recipe.data.split_seed}",
        scores="the stems at the levels they have, weights as stored (float16).",
        limits="Trained on those tracks alone: other music comes out worse than the scores say.",
    )


def augmentation_text(recipe: Recipe) -> str:
    """Return what happens to the clips in every example."""
    data = recipe.data
    parts = ["the sources at equal power"]
    if data.balance:
        parts = [f"the sources within {data.balance:g} dB of each other"]
    if data.channels == "random":
        parts.append("a random channel of each clip")
    if data.channel_swap:
        parts.append(f"{100 * data.channel_swap:.0f} % of the sources from the other channel")
    if data.equal_singers:
        parts.append("either singer equally often")
    if data.circular_shift:
        parts.append("the music shifted circularly by a random offset")
    if data.remix:
        parts.append(f"{100 * data.remix:.0f} % of the voices with another clip's music")
    if data.speed:
        parts.append(f"each source's speed changed by up to {100 * data.speed:.0f} %")
    if data.equalization:
        parts.append(f"each source equalised at random by up to {data.equalization:g} dB")
    if data.polarity:
        parts.append(f"the polarity of {100 * data.polarity:.0f} % of the sources inverted")
    parts.append(f"the mixture at {data.level[0]:g} to {data.level[1]:g} dBFS")
    return "In every example: " + ", ".join(parts) + "."
