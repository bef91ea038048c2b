"""The model card: `README.md` of a preset, made from its other files."""

import textwrap
from pathlib import Path
from typing import Any

from kerasvox import presets
from kerasvox.evaluation.perceptual import METRICS
from kerasvox.training.card_texts import system_texts
from kerasvox.training.metrics import read_metrics
from kerasvox.training.optimizer_text import optimizer_text
from kerasvox.training.recipe import read_recipe
from kerasvox.training.sections import Recipe

_CARD = """\
---
library_name: keras
pipeline_tag: audio-to-audio
license: apache-2.0
tags: [kerasvox, singing-voice-separation, source-separation, vocals]
datasets: [MIR-1K]
metrics: [GNSDR, GSIR, GSAR]
---

# {name}

{description}

```python
import kerasvox

stems = kerasvox.Separator.from_preset("{name}").separate("song.wav")
```

## Model

| | |
|---|---|
| in, out | mono waveform at {rate} Hz; vocals and accompaniment, whose sum is the mixture |
| band | 0 to {band} Hz; `separate` leaves what lies above in the accompaniment |
| STFT | {n_fft} points every {hop} samples, {window} window |
{rows}
| weights | float16, sha256 `{sha256}` |

## Scores

{scores}

GNSDR, GSIR and GSAR in dB: BSS-Eval 3.0 of both sources jointly, means weighted by clip length,
0 dB mixtures, weights as stored (float16). The dev clips are of the two singers who train, the
test clips of the 17 others.

## Training

    {command}

{training}

{published}

## Limits

Trained on less than half an hour of Chinese karaoke pop by two amateur singers: other genres,
choirs and instruments that sound like a voice come out worse than the scores say. MIR-1K is for
research use.
"""

_PERCEPTUAL = """\
PESQ (narrow and wide band, MOS-LQO) and STOI are metrics of speech, and of the vocals only."""


def write_card(directory: Path) -> None:
    """Write the card of a trained preset."""
    recipe = read_recipe(directory / presets.RECIPE)
    config = presets.read_config(directory)["config"]
    card = _render(recipe, config, read_metrics(directory))
    presets.replace_text(directory / presets.CARD, card)


def _render(recipe: Recipe, config: dict[str, Any], metrics: dict[str, Any]) -> str:
    texts = system_texts(recipe, config, metrics["training"])
    return _CARD.format(
        name=recipe.name,
        description=_paragraph(recipe.description),
        rate=config["sample_rate"],
        band=config["sample_rate"] // 2,
        n_fft=config["n_fft"],
        hop=config["hop"],
        window=config["window"],
        rows="\n".join(f"| {what} | {how} |" for what, how in texts.rows),
        sha256=metrics["weights_sha256"],
        scores=_score_table(metrics["scores"]),
        command=metrics["training"]["command"],
        training=_training(recipe, metrics["training"], texts.objective),
        published=_paragraph(texts.published),
    )


def _score_table(scores: dict[str, Any]) -> str:
    perceptual = any("perceptual" in entry for entry in scores.values())
    names = ("GNSDR", "GSIR", "GSAR", *(METRICS if perceptual else ()))
    lines = [f"| clips | stem | {' | '.join(names)} |", "|---|---" + "|---" * len(names) + "|"]
    for split, entry in sorted(scores.items(), reverse=True):
        for stem, means in entry["means"].items():
            found = [means.get(name) for name in names]
            values = " | ".join("-" if value is None else f"{value:.4f}" for value in found)
            lines.append(f"| {split} ({entry['clips']}) | {stem} | {values} |")
    return "\n".join(lines) + ("\n\n" + _PERCEPTUAL if perceptual else "")


def _training(recipe: Recipe, training: dict[str, Any], objective: str) -> str:
    software, data = training["software"], training["data"]
    return _paragraph(
        f"{data['train']['clips']} MIR-1K clips (singers abjones and amy) as split by Huang et "
        f"al.; the weights after step {training['step']} of {recipe.steps} scored best on the "
        f"{data['dev']['clips']} dev clips. Seed {training['seed']}; kerasvox "
        f"{software['kerasvox']}, commit {software['commit']}; Keras {software['keras']} on "
        f"{software['backend']}. {objective} {optimizer_text(recipe)}, batches of "
        f"{recipe.data.batch_size} x {recipe.data.seconds:g} s. {_augmentation(recipe)}"
    )


def _augmentation(recipe: Recipe) -> str:
    data = recipe.data
    parts = ["the sources at equal power"]
    if data.balance:
        parts = [f"the sources within {data.balance:g} dB of each other"]
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
    parts.append(f"the mixture at {data.level[0]:g} to {data.level[1]:g} dBFS")
    return "In every example: " + ", ".join(parts) + "."


def _paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 100)
