"""How fast exported graphs are, against the model and against each other.

    python benchmarks/export.py [PRESET...] [--seconds 10] [--runs 15]

exports each preset (by default all of the zoo) as a SavedModel and as ONNX, runs them in clean
processes, in turns with the eager model, and prints ratios of medians of one run. Last, the share
of the graph's time that is not the network's: STFT, masks, phase and inverse STFT.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from kerasvox import Separator, list_presets
from kerasvox.backend import start_backend
from kerasvox.export.artefact import Artefact
from kerasvox.export.export import export
from kerasvox.export.parity import song_excerpts
from kerasvox.export.twin import export_twin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("presets", nargs="*", metavar="PRESET", default=list_presets())
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clip")
    parser.add_argument("--runs", type=int, default=15, help="of each, in turns")
    arguments = parser.parse_args()
    start_backend()
    columns = ("preset", "SavedModel / eager", "ONNX / SavedModel", "not the network")
    print(f"| {' | '.join(columns)} | SavedModel | ONNX |")
    print("|---" * (2 + len(columns)) + "|")
    for preset in arguments.presets:
        with tempfile.TemporaryDirectory() as folder:
            row = _row(preset, Path(folder), arguments)
        print(f"| {preset} | {' | '.join(row)} |", flush=True)


def _row(preset: str, folder: Path, arguments: argparse.Namespace) -> list[str]:
    separator = Separator.from_preset(preset)
    (song,) = song_excerpts(separator.sample_rate, [], arguments.seconds)[-1:]
    samples = round(arguments.seconds * separator.sample_rate)
    clip = {"waveform": np.resize(song[:1], (1, samples))}
    saved_model = Path(export(preset, "savedmodel", folder / "models")["path"])
    onnx = Path(export(preset, "onnx", folder)["path"])
    with Artefact(saved_model) as first, Artefact(onnx) as second:
        eager, tensorflow, runtime = _in_turns(
            [
                lambda: _seconds(lambda: separator(clip["waveform"])["vocals"].numpy()),
                lambda: first.run(clip)[1][0],
                lambda: second.run(clip)[1][0],
            ],
            arguments.runs,
        )
    return [
        f"{tensorflow / eager:.2f}",
        f"{runtime / tensorflow:.2f}",
        f"{100 * _transform_share(separator, clip['waveform'], arguments.runs):.0f} %",
        f"{_mebibytes(saved_model):.1f} MiB",
        f"{_mebibytes(onnx):.1f} MiB",
    ]


def _transform_share(separator: Any, waveform: np.ndarray, runs: int) -> float:
    """Return how much of the graph's time is left when the network gets its input at once."""
    import tensorflow as tf

    from kerasvox.layers.magnitude import magnitude

    twin = export_twin(separator, "fft")
    mixture = tf.constant(magnitude(*twin.stft(waveform)))
    whole = tf.function(lambda signal: twin(signal)["vocals"])
    network = tf.function(_network(twin))
    waveform = tf.constant(waveform)
    all_of_it, of_network = _in_turns(
        [
            lambda: _seconds(lambda: whole(waveform).numpy()),
            lambda: _seconds(lambda: [each.numpy() for each in tf.nest.flatten(network(mixture))]),
        ],
        runs,
    )
    return 1 - of_network / all_of_it


def _network(twin: Any) -> Callable[[Any], Any]:
    """Return the part of a separator between the magnitude and what the masks are made of."""
    if hasattr(twin, "stack"):
        return lambda mixture: twin.stack(twin.context(mixture))
    return twin.predictions


def _in_turns(runs: list[Callable[[], float]], count: int) -> list[float]:
    """Run each once to warm up, then all in turns; return the median seconds of each."""
    seconds: list[list[float]] = [[] for _ in runs]
    for turn in range(count + 1):
        for run, found in zip(runs, seconds, strict=True):
            time.sleep(0.05)  # the threads of the one before spin a moment
            value = run()
            if turn:
                found.append(value)
    return [median(each) for each in seconds]


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _mebibytes(path: Path) -> float:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files) / 2**20


if __name__ == "__main__":
    main()
