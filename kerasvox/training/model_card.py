"""The model card: `README.md` of a preset, made from its other files."""

import textwrap
from pathlib import Path
from typing import Any

from kerasvox import presets
from kerasvox.evaluation.perceptual import METRICS
from kerasvox.training.card_texts import system_texts
from kerasvox.training.data_texts import augmentation_text, data_texts
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
datasets: {datasets}
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

{protocol}

## Training

    {command}

{training}

{published}

## Limits

{limits}
"""

_PROTOCOL = (
    "GNSDR, GSIR and GSAR in dB: BSS-Eval 3.0 of both sources jointly, means weighted by clip "
    "length, "
)
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
    data = data_texts(recipe, metrics["training"]["data"])
    return _CARD.format(
        name=recipe.name,
        datasets=data.datasets,
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
        protocol=_paragraph(_PROTOCOL + data.scores),
        training=_training(recipe, metrics["training"], data.clips, texts.objective),
        published=_paragraph(texts.published),
        limits=_paragraph(data.limits),
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


def _training(recipe: Recipe, training: dict[str, Any], clips: str, objective: str) -> str:
    software, data = training["software"], training["data"]
    return _paragraph(
        f"{clips}; the weights after step {training['step']} of {recipe.steps} scored best on the "
        f"{data['dev']['clips']} dev clips. Seed {training['seed']}; kerasvox "
        f"{software['kerasvox']}, commit {software['commit']}; Keras {software['keras']} on "
        f"{software['backend']}. {objective} {optimizer_text(recipe)}, batches of "
        f"{recipe.data.batch_size} x {recipe.data.seconds:g} s. {augmentation_text(recipe)}"
    )


def _paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 100)
