"""What a model card says of each system."""

from collections.abc import Callable
from typing import Any, NamedTuple


class SystemTexts(NamedTuple):
    """The parts of a card that differ from system to system.

    Attributes:
        rows: rows of the model's table, `(what, how)`.
        objective: a sentence on the loss.
        published: how the training differs from what was published.
    """

    rows: list[tuple[str, str]]
    objective: str
    published: str


def system_texts(recipe: Any, config: dict[str, Any], training: dict[str, Any]) -> SystemTexts:
    """Return the texts for a trained preset.

    Args:
        recipe: its recipe.
        config: the arguments of its separator.
        training: the section of that name of its metrics.
    """
    return _SYSTEMS[recipe.model.system](recipe, config, training)


def _drnn(recipe: Any, config: dict[str, Any], training: dict[str, Any]) -> SystemTexts:
    ahead = config["context"] // 2
    delay = config["n_fft"] + (ahead - 1) * config["hop"]
    latency = 1000 * (delay + config["hop"]) / config["sample_rate"]
    recurrence = " and ".join(map(str, config["recurrent_layers"])) or "none"
    return SystemTexts(
        rows=[
            (
                "network",
                f"{config['depth']} ReLU layers of {config['units']}, recurrence (forward in "
                f"time) in {recurrence}; context of {config['context']} frames; linear output of "
                f"2 x {config['n_fft'] // 2 + 1}; joint time-frequency mask",
            ),
            (
                "algorithmic latency",
                f"{latency:.0f} ms: the STFT frame and {ahead} frame(s) ahead; the stems of "
                f"`stream()` lag {delay} samples behind, and a sample waits for its hop of "
                f"{config['hop']}",
            ),
        ],
        objective=f"The objective is the {recipe.loss.divergence.replace('_', ' ')} with the "
        f"discriminative term, gamma {recipe.loss.gamma:g}; dropout {config['dropout']:g}.",
        published="The paper (TASLP 2015) trains with L-BFGS on the whole set, 400 iterations, "
        "without dropout, and shifts in steps of 10,000 samples; what is not named above is as "
        "published.",
    )


def _two_head(recipe: Any, config: dict[str, Any], training: dict[str, Any]) -> SystemTexts:
    return SystemTexts(
        rows=[_first_stage(config), _output(config)],
        objective=f"The objective is the multi-task loss, alpha {recipe.loss.alpha:g}; dropout "
        f"{config['first_stage']['dropout']:g}.",
        published=_UNPUBLISHED,
    )


def _fusion(recipe: Any, config: dict[str, Any], training: dict[str, Any]) -> SystemTexts:
    second, loss, stages = config["second_stage"], recipe.loss, recipe.stages
    attention = "" if config["embedding"] == "plain" else f", {second['heads']} heads over frames"
    if stages.first is None:
        how = f"Both stages train at once, the first one's loss with weight {loss.first_stage:g}"
    else:
        state = "frozen" if stages.freeze_first else "fine-tuned"
        digest = training["first_stage_sha256"][:12]
        how = f"The first stage is that of {stages.first} (weights {digest}), {state}"
    return SystemTexts(
        rows=[
            _first_stage(config),
            (
                "second stage",
                f"embedding {config['embedding'].replace('_', '-')}: hidden layers of "
                f"{second['units']}{attention}; two minimum difference masks, which select from "
                f"the spectrograms of the {config['selection'].replace('_', ' ')}",
            ),
            _output(config),
        ],
        objective=f"{how}. The objective is the minimum difference mask loss, beta {loss.beta:g}, "
        f"with the tendency term, gamma {loss.gamma:g}; dropout {second['dropout']:g}.",
        published=_UNPUBLISHED,
    )


def _first_stage(config: dict[str, Any]) -> tuple[str, str]:
    first = config["first_stage"]
    power = first["compression"]
    reads = "the magnitude" if power == 1 else f"the magnitude to the power of {power:g}"
    return (
        "first stage",
        f"{first['depth']} bidirectional LSTM layers of {first['units']} in each direction, which "
        f"read {reads}; a mapping head ({first['mapping_activation']}) and a masking head "
        f"({first['masking_activation']})",
    )


def _output(config: dict[str, Any]) -> tuple[str, str]:
    phase = "that of the mixture"
    if config["phase"] == "linear_fusion":
        phase = f"that of the linear fusion's waveform, {config['phase_iterations']} iteration(s)"
    masks = " by binary masks" if config.get("binary_masks") else ""
    gain = ""
    if config["gain_exponent"] != 1:
        gain = f", its gain to the power of {config['gain_exponent']:g} (1 in the papers)"
    return "vocals", f"{config['output'].replace('_', ' ')}{masks}{gain}; phase: {phase}"


_UNPUBLISHED = (
    "The sizes, loss weights, STFT and training of the paper (Interspeech 2020) are not public; "
    "all that is named above was chosen here."
)

_SYSTEMS: dict[str, Callable[[Any, dict[str, Any], dict[str, Any]], SystemTexts]] = {
    "drnn": _drnn,
    "two_head_bilstm": _two_head,
    "spectrogram_fusion": _fusion,
}
