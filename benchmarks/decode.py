"""Which is faster: decoding and resampling a folder's files by default, or through tensorflow-io.

    python benchmarks/decode.py [--files 40] [--seconds 10] [--repeats 5]

Makes its own files. The default path reads one file after the other with soundfile and soxr; the
other is the tf.data graph of the extra `tfio`, which works on several at a time. Both run in turns
in one process; printed are medians and their ratio.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from kerasvox.audio.load import load
from kerasvox.data.tfio import graph_audio, load_graph
from kerasvox.errors import UsageError

_RATE = 16000
_CASES = (("wav", 16000), ("flac", 16000), ("mp3", 16000), ("flac", 44100))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    try:
        load_graph()
    except UsageError as error:
        parser.exit(1, f"{error}\n")
    with tempfile.TemporaryDirectory() as folder:
        for suffix, rate in _CASES:
            files = _write(Path(folder), suffix, rate, arguments.files, arguments.seconds)
            default, graph = _compare(files, arguments.repeats)
            audio = arguments.files * arguments.seconds
            faster = "default" if default < graph else "tfio"
            print(
                f"{suffix} {rate} Hz to {_RATE} Hz: default {audio / default:.0f} s of audio a "
                f"second, tfio {audio / graph:.0f}; {faster} is "
                f"{max(default, graph) / min(default, graph):.1f} times faster"
            )


def _compare(files: list[Path], repeats: int) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 1):
        found = (
            _timed(lambda: [load(path, _RATE) for path in files]),
            _timed(lambda: list(graph_audio(files, _RATE))),
        )
        if repeat:  # the first one warms up
            for kind, seconds in zip(times, found, strict=True):
                kind.append(seconds)
    return statistics.median(times[0]), statistics.median(times[1])


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _write(folder: Path, suffix: str, rate: int, files: int, seconds: float) -> list[Path]:
    paths = [folder / f"{rate}_{number}.{suffix}" for number in range(files)]
    for number, path in enumerate(paths):
        noise = np.random.default_rng(number).standard_normal((round(seconds * rate), 2))
        soundfile.write(path, 0.1 * noise, rate)
    return paths


if __name__ == "__main__":
    main()
