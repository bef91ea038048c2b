"""Speed and memory of separating a song, as ratios measured in one run.

    python benchmarks/separate.py [PRESET]

prints how many times faster than the song plays it is separated (the median of several runs over
a synthetic three-minute stereo song, files in and out included, the model warm), and how the peak
memory for a one-hour song compares with that for a three-minute one, each in a fresh process.
Without PRESET an untrained model of the paper's size is measured: weights do not change the speed.
"""

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

RATE = 44100
SHORT, LONG = 180, 3600  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("preset", nargs="?", help="preset or folder; untrained where left out")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of the three-minute song")
    preset, runs = vars(parser.parse_args()).values()
    with tempfile.TemporaryDirectory() as folder:
        short = write_song(Path(folder) / "short.wav", SHORT)
        long = write_song(Path(folder) / "long.wav", LONG)
        speed = in_fresh_process(preset, short, runs + 1)
        memory = [in_fresh_process(preset, song, 1) for song in (short, long)]
    peaks = [one["peak"] for one in memory]
    beyond = [one["peak"] - one["loaded"] for one in memory]
    factors = [SHORT / seconds for seconds in speed["seconds"][1:]]
    result = {
        "preset": preset or "untrained DRNN-2",
        "cores": os.cpu_count(),
        "times_real_time": round(statistics.median(factors), 1),
        "times_real_time_each": [round(factor, 1) for factor in factors],
        "memory_hour_to_three_minutes": round(peaks[1] / peaks[0], 3),
        "the_same_beyond_the_loaded_model": round(beyond[1] / beyond[0], 3),
        "peak_memory_mib": [round(peak / 2**20) for peak in peaks],
    }
    print(json.dumps(result, indent=2))


def write_song(path: Path, seconds: int) -> Path:
    """A beat under a gliding tone, stereo, in blocks of a second."""
    generator = np.random.default_rng(0)
    time_axis = np.arange(RATE) / RATE
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        for second in range(seconds):
            tone = np.sin(2 * np.pi * (220 + 20 * (second % 12)) * time_axis)
            beat = generator.standard_normal(RATE) * np.exp(-20 * (time_axis % 0.5))
            file.write(np.stack([0.3 * tone + 0.1 * beat, 0.3 * tone - 0.1 * beat], axis=1))
    return path


def in_fresh_process(preset: str | None, song: Path, runs: int) -> dict:
    # A process pool of one, spawned: it inherits neither memory nor a loaded model.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (preset, song, runs))


def measure(preset: str | None, song: Path, runs: int) -> dict:
    """Separate a song several times; return the seconds of each and the memory in bytes."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from kerasvox import DRNNSeparator, Separator
    from kerasvox.separation import separate_file

    separator = Separator.from_preset(preset) if preset else DRNNSeparator()
    separator.build()
    loaded = peak_memory()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        separate_file(separator, song, song.parent / "stems")
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "loaded": loaded, "peak": peak_memory()}


def peak_memory() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
