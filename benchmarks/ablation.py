"""What each part of the spectrogram fusion system is worth.

    python benchmarks/ablation.py --data MIR-1K -o ablation

trains a first stage and, on it, second stages that differ in their embedding or their loss, scores
them on every fifth test clip, and scores the all-info one again with other masks, spectrograms and
phases. It prints one table and writes it to `ablation/table.md`; a run that was stopped goes on
where it was. `--first` and `--fusion` take trained presets instead, and `--skip-training` scores
what needs none: `--fusion spectrogram_fusion_mir1k --skip-training` asks of the zoo's own model
what its masks, spectrograms and phases are worth.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import yaml

from kerasvox import Separator, presets
from kerasvox.backend import start_backend
from kerasvox.data.mir1k import MIR1K
from kerasvox.evaluation.evaluate import evaluate
from kerasvox.training.trainer import Trainer

STFT = {"n_fft": 1024, "hop": 256}
FIRST = {"units": 256, "depth": 2, "compression": 0.5, "dropout": 0.2}
SECOND = {"units": 512, "heads": 8, "compression": 0.5, "dropout": 0.2}
TENDENCY = {"beta": 1.0, "gamma": 1.0}
DATA = {
    "batch_size": 32,
    "seconds": 1.6,
    "equal_singers": True,
    "remix": 0.7,
    "speed": 0.4,
    "equalization": 10,
    "level": [-22, -12],
}
# The table's row: what is trained.
TRAINED: dict[str, dict[str, Any]] = {
    "embedding all-info": {"embedding": "all_info"},
    "embedding separate-info": {"embedding": "separate_info"},
    "embedding no-en-info": {"embedding": "no_en_info"},
    "embedding dual-attention": {"embedding": "dual_attention"},
    "embedding plain (no attention)": {"embedding": "plain"},
    "loss of the masks alone (beta 0)": {"loss": {"beta": 0.0}},
    "loss without tendency (beta 1)": {"loss": {"beta": 1.0}},
}
# The table's row: what is changed in the all-info separator when it separates.
CHANGED: dict[str, dict[str, Any]] = {
    "mapping spectrogram alone": {"output": "mapping"},
    "masking spectrogram alone": {"output": "masking"},
    "linear fusion": {"output": "linear_fusion"},
    "nonlinear fusion, soft masks, phase of the linear fusion": {},
    "nonlinear fusion, binary masks": {"binary_masks": True},
    "phase of the mixture": {"phase": "mixture"},
    "phase of the linear fusion, 5 iterations": {"phase_iterations": 5},
    "gain exponent 1, the papers'": {"gain_exponent": 1.0},
    "linear fusion, gain exponent 1": {"output": "linear_fusion", "gain_exponent": 1.0},
}
COLUMNS = ("GNSDR", "GSIR", "GSAR", "PESQ-NB", "PESQ-WB", "STOI")
# A voice that comes out too loud or too soft moves the stems' scores in opposite directions, so
# the accompaniment's score belongs beside the voice's.
ACCOMPANIMENT = "GNSDR of the accompaniment"


def main() -> None:
    arguments = _arguments()
    start_backend()
    arguments.output.mkdir(parents=True, exist_ok=True)
    clips = [clip.name for clip in MIR1K(arguments.data).clips("test")][:: arguments.every]
    rows = {}
    fusion = arguments.fusion
    if not arguments.skip_training:
        for row, folder in _train(arguments).items():
            rows[row] = _score(folder, clips, arguments)
            fusion = fusion or folder
    for row, changes in CHANGED.items():
        rows[row] = _score(_changed(fusion, changes, arguments.output), clips, arguments)
    table = _table(rows, len(clips))
    presets.replace_text(arguments.output / "table.md", table)
    print(table, end="")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, type=Path, help="the folder of MIR-1K")
    parser.add_argument("-o", "--output", required=True, type=Path, help="where runs and table go")
    parser.add_argument("--first", help="a trained first stage; by default a small one is trained")
    parser.add_argument("--fusion", help="a trained fusion preset for the changes that need none")
    parser.add_argument("--steps", type=int, default=1000, help="of each training")
    parser.add_argument("--every", type=int, default=5, help="score every n-th test clip")
    parser.add_argument("--skip-training", action="store_true", help="needs --fusion")
    arguments = parser.parse_args()
    if arguments.skip_training and not arguments.fusion:
        parser.error("--skip-training needs --fusion, a trained fusion preset")
    return arguments


def _train(arguments: argparse.Namespace) -> dict[str, Path]:
    first = arguments.first
    if first is None:
        model = {"system": "two_head_bilstm", "first_stage": FIRST, **STFT}
        first = _run("first_stage", {"model": model}, arguments)
    folders = {}
    for row, choice in TRAINED.items():
        model = {
            "system": "spectrogram_fusion",
            "embedding": choice.get("embedding", "all_info"),
            "second_stage": SECOND,
        }
        sections = {
            "model": model,
            "loss": choice.get("loss", TENDENCY),
            "stages": {"first": str(first)},
        }
        folders[row] = _run(_slug(row), sections, arguments)
    return folders


def _run(name: str, sections: dict[str, Any], arguments: argparse.Namespace) -> Path:
    recipe = arguments.output / f"{name}.yaml"
    content = {
        "name": name,
        "seed": 1,
        "steps": arguments.steps,
        "steps_per_epoch": arguments.steps // (1 if arguments.steps % 4 else 4),
        "data": DATA,
        **sections,
    }
    presets.replace_text(recipe, yaml.safe_dump(content))
    return Trainer(recipe, arguments.data, arguments.output / name, resume=True).run()


def _changed(preset: str | Path, changes: dict[str, Any], output: Path) -> Path:
    """Write a preset of the same weights that separates in another way."""
    separator = Separator.from_preset(preset)
    twin = type(separator).from_config(separator.get_config() | changes)
    twin.build()
    twin.set_weights(separator.get_weights())
    words = [f"{key}_{value}" for key, value in changes.items()] or ["as_it_is"]
    folder = output / _slug("changed " + " ".join(words))
    twin.save_to_preset(folder)
    return folder


def _score(preset: Path, clips: list[str], arguments: argparse.Namespace) -> dict[str, float]:
    path = arguments.output / f"{preset.name}.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    scored = [clip["clip"] for clip in report.get("clips", [])]
    digest = report.get("preset", {}).get("weights_sha256")
    if scored != clips or digest != presets.weights_sha256(preset):
        report = evaluate(preset, arguments.data, names=clips, perceptual=True, output=path)
    means = report["means"]
    return {**means["vocals"], ACCOMPANIMENT: means["accompaniment"]["GNSDR"]}


def _table(rows: dict[str, dict[str, float]], clips: int) -> str:
    columns = (*COLUMNS, ACCOMPANIMENT)
    lines = [
        f"| vocals, {clips} test clips | {' | '.join(columns)} |",
        "|---" * (1 + len(columns)) + "|",
    ]
    for row, means in rows.items():
        values = " | ".join(f"{means[column]:.4f}" for column in columns)
        lines.append(f"| {row} | {values} |")
    return "\n".join(lines) + "\n"


def _slug(words: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in words.lower()).strip("_")


if __name__ == "__main__":
    main()
