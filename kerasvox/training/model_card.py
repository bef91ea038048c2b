"""The model card: `README.md` of a preset, made from its other files."""

import textwrap
from pathlib import Path
from typing import Any

from kerasvox import presets
from kerasvox.training.metrics import read_metrics
from kerasvox.training.recipe import Recipe, read_recipe

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
| network | {depth} ReLU layers of {units}, recurrence (forward in time) in {recurrence}; \
context of {context} frames; linear output of 2 x {bins}; joint time-frequency mask |
| algorithmic latency | {latency:.0f} ms: the STFT frame and {ahead} frame(s) ahead |
| weights | float16, sha256 `{sha256}` |

## Scores

{scores}

GNSDR, GSIR and GSAR in dB: BSS-Eval 3.0 of both sources jointly, means weighted by clip length,
0 dB mixtures, weights as stored (float16). The dev clips are of the two singers who train, the
test clips of the 17 others.

## Training

    {command}

{training}

The paper (TASLP 2015) trains with L-BFGS on the whole set, 400 iterations, without dropout, and
shifts in steps of 10,000 samples; what is not named above is as published.

## Limits

Trained on less than half an hour of Chinese karaoke pop by two amateur singers: other genres,
choirs and instruments that sound like a voice come out worse than the scores say. MIR-1K is for
research use.
"""


def write_card(directory: Path) -> None:
    """Write the card of a trained preset."""
    recipe = read_recipe(directory / presets.RECIPE)
    metrics = read_metrics(directory)
    presets.replace_text(directory / presets.CARD, _render(recipe, metrics))


def _render(recipe: Recipe, metrics: dict[str, Any]) -> str:
    model = recipe.model
    ahead = model.context // 2
    return _CARD.format(
        name=recipe.name,
        description=_paragraph(recipe.description),
        rate=model.sample_rate,
        band=model.sample_rate // 2,
        n_fft=model.n_fft,
        hop=model.hop,
        window=model.window,
        bins=model.n_fft // 2 + 1,
        depth=model.depth,
        units=model.units,
        context=model.context,
        recurrence=" and ".join(map(str, model.recurrent_layers)) or "none",
        latency=1000 * (model.n_fft + ahead * model.hop) / model.sample_rate,
        ahead=ahead,
        sha256=metrics["weights_sha256"],
        scores=_score_table(metrics["scores"]),
        command=metrics["training"]["command"],
        training=_training(recipe, metrics["training"]),
    )


def _score_table(scores: dict[str, Any]) -> str:
    lines = ["| clips | stem | GNSDR | GSIR | GSAR |", "|---|---|---|---|---|"]
    for split, entry in sorted(scores.items(), reverse=True):
        for stem, means in entry["means"].items():
            values = " | ".join(f"{means[name]:.4f}" for name in ("GNSDR", "GSIR", "GSAR"))
            lines.append(f"| {split} ({entry['clips']}) | {stem} | {values} |")
    return "\n".join(lines)


def _training(recipe: Recipe, training: dict[str, Any]) -> str:
    software, data, optimizer = training["software"], training["data"], recipe.optimizer
    return _paragraph(
        f"{data['train']['clips']} MIR-1K clips (singers abjones and amy) as split by Huang et "
        f"al.; the weights after step {training['step']} of {recipe.steps} scored best on the "
        f"{data['dev']['clips']} dev clips. Seed {training['seed']}; kerasvox "
        f"{software['kerasvox']}, commit {software['commit']}; Keras {software['keras']} on "
        f"{software['backend']}. The objective is the {recipe.loss.divergence.replace('_', ' ')} "
        f"with the discriminative term, gamma {recipe.loss.gamma:g}. Adam, learning rate "
        f"{optimizer.learning_rate:g} to {optimizer.final_learning_rate:g} along half a cosine, "
        f"gradients clipped to a norm of {optimizer.clip_norm:g}, dropout "
        f"{recipe.model.dropout:g}, batches of {recipe.data.batch_size} x "
        f"{recipe.data.seconds:g} s. {_augmentation(recipe)}"
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
    parts.append(f"the mixture at {data.level[0]:g} to {data.level[1]:g} dBFS")
    return "In every example: " + ", ".join(parts) + "."


def _paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 100)
