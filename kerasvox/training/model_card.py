"""The model card: `README.md` of a preset, made from its other files."""

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

{sizes} MIR-1K clips (singers abjones and amy) as split by Huang et al.; the weights after step
{step} of {steps} scored best on the 4 dev clips. Seed {seed}; kerasvox {software[kerasvox]}, commit
{software[commit]}; Keras {software[keras]} on {software[backend]}. The objective is the
{divergence} with the discriminative term, gamma {gamma}. Adam, {rates} along half a cosine,
gradients clipped to a norm of {clip}, batches of {batch} x {seconds} s. {augmentation}

The paper (TASLP 2015) trains with L-BFGS on the whole set, 400 iterations, and shifts the music in
steps of 10,000 samples; all else that is not named above is as published.

## Limits

Trained on {minutes} of Chinese karaoke pop by two amateur singers: other genres, choirs and
instruments that sound like a voice come out worse than the scores say. MIR-1K is for research use.
"""


def write_card(directory: Path) -> None:
    """Write the card of a trained preset."""
    recipe = read_recipe(directory / presets.RECIPE)
    metrics = read_metrics(directory)
    presets.replace_text(directory / presets.CARD, _render(recipe, metrics))


def _render(recipe: Recipe, metrics: dict[str, Any]) -> str:
    model, training = recipe.model, metrics["training"]
    rates = (recipe.optimizer.learning_rate, recipe.optimizer.final_learning_rate)
    ahead = model.context // 2
    return _CARD.format(
        name=recipe.name,
        description=recipe.description.strip(),
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
        command=training["command"],
        sizes=training["data"]["train"]["clips"],
        step=training["step"],
        steps=recipe.steps,
        seed=training["seed"],
        software=training["software"],
        divergence=recipe.loss.divergence.replace("_", " "),
        gamma=recipe.loss.gamma,
        rates=" to ".join(f"{rate:g}" for rate in rates),
        clip=recipe.optimizer.clip_norm,
        batch=recipe.data.batch_size,
        seconds=recipe.data.seconds,
        augmentation=_augmentation(recipe),
        minutes="23 minutes",
    )


def _score_table(scores: dict[str, Any]) -> str:
    lines = ["| clips | stem | GNSDR | GSIR | GSAR |", "|---|---|---|---|---|"]
    for split, entry in sorted(scores.items(), reverse=True):
        for stem, means in entry["means"].items():
            values = " | ".join(f"{means[name]:.4f}" for name in ("GNSDR", "GSIR", "GSAR"))
            lines.append(f"| {split} ({entry['clips']}) | {stem} | {values} |")
    return "\n".join(lines)


def _augmentation(recipe: Recipe) -> str:
    data = recipe.data
    parts = ["the sources at equal power"]
    if data.balance:
        parts = [f"the sources within {data.balance:g} dB of each other"]
    if data.circular_shift:
        parts.append("the music shifted circularly by a random offset")
    if data.remix:
        parts.append(f"{100 * data.remix:.0f} % of the voices with another clip's music")
    if data.speed:
        parts.append(f"each source's speed changed by up to {100 * data.speed:.0f} %")
    parts.append(f"the mixture at {data.level[0]:g} to {data.level[1]:g} dBFS")
    return "In every example: " + ", ".join(parts) + "."
