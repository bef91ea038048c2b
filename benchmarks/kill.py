"""Kill a training run at random moments, resume it each time, compare it with an undisturbed one.

    python benchmarks/kill.py --kills 20

A tiny model with dropout, averaged weights, accumulated gradients and a rate that depends on the
dev score trains on made-up clips. One run is left alone. The other one is ended with SIGKILL again
and again, at moments drawn at random, in starting, training, scoring and saving alike, twice more
while it writes its preset, and resumed until it is done. Their last checkpoints (weights, optimiser
and state) and their presets must be equal to the bit, where TensorFlow is deterministic, as it is
on CPUs here. Exits with 1 if not.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import soundfile

RECIPE = """\
name: tiny
seed: 1
steps: {steps}
steps_per_epoch: 4
model: {{units: 16, n_fft: 256, hop: 128, dropout: 0.3}}
data: {{batch_size: 4, seconds: 0.5, remix: 0.5, speed: 0.3, equalization: 6, level: [-20, -14]}}
optimizer:
  learning_rate: 0.01
  schedule: plateau
  ema_momentum: 0.9
  gradient_accumulation_steps: 3
early_stopping: {{patience: 100000}}
"""
PRESET_KILLS = 2
CLIPS = ["abjones_1_01", "abjones_2_01", "amy_1_01", "amy_2_01", "amy_9_08", "amy_9_09"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, help="of the moments; drawn and printed by default")
    arguments = parser.parse_args()
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        equal = compare(Path(folder), arguments.kills, random.Random(seed))
    sys.exit(0 if equal else 1)


def compare(folder: Path, kills: int, moments: random.Random) -> bool:
    epochs = 3 * kills + 1  # no process lives for more than three checkpoints
    (folder / "recipe.yaml").write_text(RECIPE.format(steps=4 * epochs))
    write_clips(folder / "data")
    start, total = undisturbed(folder)
    print(f"undisturbed: {total:.1f} s, the first checkpoint after {start:.1f} s", flush=True)
    epoch = (total - start) / (epochs - 1)
    saving = 0
    for kill in range(1, kills + 1):
        with train(folder, "killed") as process:
            # A few die while they start; the others some time after they saved for the first time.
            if moments.random() < 0.2:
                wait(folder, process, moments.uniform(0, start), checkpoints=3)
            else:
                wait(folder, process, 600, checkpoints=1)
                wait(folder, process, moments.uniform(0, 2 * epoch), checkpoints=2)
            if process.poll() is not None:
                raise SystemExit((folder / "killed.log").read_text())
        caught = (folder / "killed" / "checkpoints" / "partial").exists()
        saving += caught
        print(f"kill {kill} after step {newest(folder)}{', while saving' * caught}", flush=True)
    for kill in range(1, PRESET_KILLS + 1):
        with train(folder, "killed") as process:
            wait_for_preset(folder, process)
            time.sleep(moments.uniform(0, 0.05))
            if process.poll() is not None:
                raise SystemExit((folder / "killed.log").read_text())
        caught = any(folder.glob("killed/.partial-preset-*"))
        print(f"kill {kill} at the preset{', while writing its weights' * caught}", flush=True)
    with train(folder, "killed") as process:
        if process.wait():
            raise SystemExit((folder / "killed.log").read_text())
    print(f"{kills + PRESET_KILLS} kills, {saving} of them while a checkpoint was written")
    return report(digests(folder / "undisturbed"), digests(folder / "killed"))


def report(undisturbed: dict[str, str], killed: dict[str, str]) -> bool:
    """Print both digests of all that is in either; return whether they are equal."""
    for name in undisturbed | killed:
        print(
            f"{name}: undisturbed {undisturbed.get(name, 'missing')}, "
            f"killed {killed.get(name, 'missing')}"
        )
    print("equal to the bit" if undisturbed == killed else "DIFFERENT")
    return undisturbed == killed


@contextmanager
def train(folder: Path, run: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Train in another process, which is killed at the end if it still lives."""
    command = [sys.executable, "-m", "kerasvox.cli.main", "train", str(folder / "recipe.yaml")]
    command += ["--data", str(folder / "data"), "-o", str(folder / run), "--resume"]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with (folder / f"{run}.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def undisturbed(folder: Path) -> tuple[float, float]:
    """Run without a kill; return the seconds to the first checkpoint, and all of them."""
    begin = time.perf_counter()
    first = 0.0
    with train(folder, "undisturbed") as process:
        while process.poll() is None:
            if not first and any(folder.glob("undisturbed/checkpoints/step_*")):
                first = time.perf_counter() - begin
            time.sleep(0.02)
    if process.returncode:
        raise SystemExit((folder / "undisturbed.log").read_text())
    return first, time.perf_counter() - begin


def wait(
    folder: Path, process: "subprocess.Popen[bytes]", seconds: float, checkpoints: int
) -> None:
    """Wait for a time, at most until so many more checkpoints were saved or the process ended."""
    end, seen = time.monotonic() + seconds, newest(folder)
    while checkpoints and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)
        if newest(folder) != seen:
            checkpoints, seen = checkpoints - 1, newest(folder)


def wait_for_preset(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the folder beside which the preset is written appears, or the process ended."""
    while process.poll() is None and not any(folder.glob("killed/.partial-preset-*")):
        time.sleep(0.001)


def newest(folder: Path) -> int:
    saved = folder.glob("killed/checkpoints/step_*")
    return max((int(path.name.removeprefix("step_")) for path in saved), default=0)


def digests(run: Path) -> dict[str, str]:
    """Return what must be equal: sha256 of all arrays, of the state, and of the preset."""
    last = max(run.glob("checkpoints/step_*"))
    arrays = hashlib.sha256()

    def add(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            arrays.update(name.encode() + item[...].tobytes())

    with h5py.File(last / "training.weights.h5") as file:
        file.visititems(add)
    state = json.loads((last / "state.json").read_text())
    del state["software"]  # the commit; somebody may work on the code meanwhile
    return {
        f"{last.name}, weights and optimiser": arrays.hexdigest(),
        f"{last.name}, state": hashlib.sha256(json.dumps(state).encode()).hexdigest(),
        "preset": hashlib.sha256((run / "SHA256SUMS").read_bytes()).hexdigest(),
    }


def write_clips(folder: Path) -> None:
    """Write clips of a second, named as MIR-1K's: a melody over a drone."""
    shutil.rmtree(folder, ignore_errors=True)
    time_axis = np.arange(16000) / 16000
    for number, name in enumerate(CLIPS):
        noise = np.random.default_rng(number).normal(0, 0.03, 16000)
        music = 0.1 * np.sin(2 * np.pi * 110 * time_axis) + noise
        pitch = 300 + 40 * number + 30 * np.sin(6 * np.pi * time_axis)
        voice = 0.1 * np.sin(2 * np.pi * np.cumsum(pitch) / 16000)
        split = folder / ("dev" if name.startswith("amy_9") else "train")
        split.mkdir(parents=True, exist_ok=True)
        soundfile.write(split / f"{name}.wav", np.stack([music, voice], axis=1), 16000)


if __name__ == "__main__":
    main()
