"""What a training step costs: waiting for input, against PyTorch, and of the machine's matmul rate.

    python benchmarks/train.py --data MIR-1K [--shards SHARDS] [--torch-python VENV/bin/python]

prints, as ratios measured in one run with synchronised steps of the recipes of the zoo,

- `input`: the share of a step's time that waits for its batch, made of MIR-1K in memory and, with
  --shards (what `kerasvox data prepare MIR-1K -o SHARDS` wrote), of shards; and how much longer a
  step with its batch takes than one that has the same batch for ever (`with_input`), which on a CPU
  also counts the cores that making batches takes away;
- `against_pytorch`: the time of a step as a share of that of the same network in PyTorch
  (`benchmarks/pytorch_baseline.py`), in an environment of its own that has it and numpy. Beside it
  stand the backends' matmul rates, ours by theirs: on processors other than Intel's, PyTorch's MKL
  multiplies at about half the rate, which says nothing of how a step is written;
- `matmul`: the float32 operations of a DRNN step a second, as a share of what a product of two
  matrices of 2048 x 2048 reaches.

Contestants are processes that take turns in short bursts, so that what else happens on the machine
meets them alike; a ratio is the median over the rounds, the middle half of them beside it. (Not
quite alike on a busy machine: PyTorch's threads wait for each other at every product and lose more
when one is held up. `--cores 1` compares without that.) Counted
are the products with the weights: two operations for a weight and frame forwards, and twice as
many backwards, but none for the gradient of the features.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kerasvox.data.prefetch import cores

SYSTEMS = {"drnn": "drnn_mir1k", "bilstm": "two_head_bilstm_mir1k"}
ZOO = Path(__file__).parents[1] / "zoo"
MATMUL_SIZE = 2048
WARM_UP = 3  # steps; TensorFlow traces in the first
PAUSE = 0.3  # seconds in which the threads of the one before fall asleep


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="the folder of MIR-1K; no input without it")
    parser.add_argument("--shards", type=Path, help="the same in shards")
    parser.add_argument("--torch-python", help="a Python that has PyTorch")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--burst", type=int, default=4, help="steps of a turn")
    parser.add_argument("--system", choices=SYSTEMS, action="append", help="by default all")
    parser.add_argument("--cores", type=int, help="cores of every contestant; by default all")
    options = parser.parse_args()
    if options.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    systems = options.system or list(SYSTEMS)
    result: dict = {
        "cores": cores(),
        "load_before": round(os.getloadavg()[0], 1),
    }
    feeds = {"memory": options.data, "shards": options.shards}
    result["input"] = {
        f"{SYSTEMS[system]}, {name}": waiting(system, folder, options.rounds)
        for system in systems
        for name, folder in feeds.items()
        if folder
    }
    with tempfile.TemporaryDirectory() as folder:
        batch = {system: save_batch(system, Path(folder)) for system in systems}
        if options.torch_python:
            result["against_pytorch"] = {
                system: against_pytorch(system, batch[system], options) for system in systems
            }
        if "drnn" in systems:
            result["matmul"] = share_of_matmul_rate(batch["drnn"], options)
    print(json.dumps(result, indent=2))


def waiting(system: str, data: Path, rounds: int) -> dict:
    """Let one process train from the feed and, in turn, on one batch for ever."""
    with Contestant("input", system, data) as contestant:
        both = [contestant.turn(steps=2 * WARM_UP + 6) for _ in range(rounds)]
    shares = [sum(each["wait"]) / (sum(each["wait"]) + sum(each["step"])) for each in both]
    slowdowns = [
        statistics.median(np.add(each["wait"], each["step"])) / statistics.median(each["alone"])
        for each in both
    ]
    return {"waits": spread(shares), "with_input": spread(slowdowns)}


def against_pytorch(system: str, batch: Path, options: argparse.Namespace) -> dict:
    """Let both take turns on the same batch."""
    script = Path(__file__).with_name("pytorch_baseline.py")
    with (
        Contestant("step", system, batch) as ours,
        Contestant(python=options.torch_python, command=[script, system, batch]) as theirs,
    ):
        pair = ours, theirs
        first = [contestant.turn(WARM_UP) for contestant in pair]
        seconds = take_turns(pair, options)
    return {
        "ratio": spread([one / other for one, other in seconds]),
        "matmul_rates": round(first[0]["rate"] / first[1]["rate"], 2),
        "first_losses": [each["loss"] for each in first],
    }


def share_of_matmul_rate(batch: Path, options: argparse.Namespace) -> dict:
    """Let DRNN steps and products of square matrices take turns."""
    with Contestant("step", "drnn", batch) as steps, Contestant("matmul", "drnn", batch) as matmul:
        pair = steps, matmul
        operations = [contestant.turn(WARM_UP)["operations"] for contestant in pair]
        seconds = take_turns(pair, options)
    rates = [np.divide(operations, each) for each in seconds]
    return {
        "share": spread([step / peak for step, peak in rates]),
        "gigaflop_a_step": round(operations[0] / 1e9, 1),
    }


def take_turns(pair: tuple, options: argparse.Namespace) -> list[list[float]]:
    return [
        [statistics.median(contestant.turn(options.burst)["step"]) for contestant in pair]
        for _ in range(options.rounds)
    ]


def spread(values: list[float]) -> dict:
    low, middle, high = np.percentile(values, (25, 50, 75))
    return {"median": round(middle, 3), "middle_half": [round(low, 3), round(high, 3)]}


class Contestant:
    """A process that does some steps when it is told to, and says how long each took."""

    def __init__(self, *role: object, python: str = sys.executable, command: list | None = None):
        command = command or [__file__, "--contestant", *role]
        self.process = subprocess.Popen(
            [python, *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def turn(self, steps: int) -> dict:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        time.sleep(PAUSE)
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def __enter__(self) -> "Contestant":
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait()


def save_batch(system: str, folder: Path) -> Path:
    from kerasvox.training.recipe import read_recipe

    recipe = read_recipe(ZOO / SYSTEMS[system] / "recipe.yaml")
    samples = max(1, round(recipe.data.seconds * recipe.model.sample_rate / recipe.model.hop))
    shape = (recipe.data.batch_size, 2, samples * recipe.model.hop)
    path = folder / f"{system}.npy"
    np.save(path, np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32))
    return path


# What follows runs in the contestants.


def contest(role: str, system: str, path: str) -> None:
    from kerasvox.backend import start_backend

    start_backend()
    turn = {"input": input_turn, "step": step_turn, "matmul": matmul_turn}[role](system, Path(path))
    for line in sys.stdin:
        print(json.dumps(turn(int(line))), flush=True)


def step_turn(system: str, batch: Path) -> Callable[[int], dict]:
    step, model, _ = compiled(system)
    sources = np.load(batch)
    frames = len(sources) * (
        sources.shape[2] // model.separator.stft.hop + model.separator.stft.overlap - 1
    )
    kernels = [weight for weight in model.trainable_weights if len(weight.shape) == 2]
    sizes = [int(np.prod(kernel.shape)) for kernel in kernels]
    operations = 2 * frames * (3 * sum(sizes) - sizes[0])
    product = matmul_turn(system, batch)(2)
    rate = product["operations"] / min(product["step"])

    def turn(steps: int) -> dict:
        seconds, losses = zip(*(timed(lambda: step(sources)) for _ in range(steps)), strict=True)
        return {"step": seconds, "loss": losses[0], "operations": operations, "rate": rate}

    return turn


def matmul_turn(system: str, batch: Path) -> Callable[[int], dict]:
    from keras import ops

    factor = ops.convert_to_tensor(
        np.random.default_rng(0).normal(size=(MATMUL_SIZE,) * 2), "float32"
    )

    def turn(steps: int) -> dict:
        product = lambda: ops.convert_to_numpy(ops.matmul(factor, factor))[0, 0]  # noqa: E731
        # Several products for a step, so that a burst is about as long.
        seconds = [timed(product)[0] for _ in range(4 * steps)]
        return {"step": seconds, "operations": 2 * MATMUL_SIZE**3}

    return turn


def input_turn(system: str, data: Path) -> Callable[[int], dict]:
    step, model, recipe = compiled(system)
    feed = batches(recipe, model.separator, data).stream()
    kept = next(feed)[0]

    def turn(steps: int) -> dict:
        wait, with_input = [], []
        for _ in range(steps):
            seconds, (batch,) = timed(lambda: next(feed))
            wait.append(seconds)
            with_input.append(timed(lambda batch=batch: step(batch))[0])
        time.sleep(PAUSE)  # until the batches ahead are made
        alone = [timed(lambda: step(kept))[0] for _ in range(steps)]
        # The first steps after the pause found batches that were made in it.
        cut = slice(2 * WARM_UP, None)
        return {"wait": wait[cut], "step": with_input[cut], "alone": alone[WARM_UP:]}

    return turn


def batches(recipe, separator, data: Path):
    from kerasvox.data.open_data import open_data
    from kerasvox.training.build import build_batches

    data_set = open_data(data, recipe.data.set, recipe.data.split_seed)
    return build_batches(recipe, separator, data_set.clips("train"))


def compiled(system: str) -> tuple:
    """Return a synchronised step, its model and its recipe."""
    import keras

    from kerasvox.training.build import build_loss, build_separator
    from kerasvox.training.magnitude_training import MagnitudeTraining
    from kerasvox.training.optimizer import build_optimizer
    from kerasvox.training.recipe import read_recipe

    recipe = read_recipe(ZOO / SYSTEMS[system] / "recipe.yaml")
    keras.utils.set_random_seed(recipe.seed)
    model = MagnitudeTraining(build_separator(recipe))
    model.compile(build_optimizer(recipe), build_loss(recipe))
    model.build()
    return lambda sources: float(model.train_on_batch(sources)), model, recipe


def timed(function: Callable) -> tuple:
    began = time.perf_counter()
    result = function()
    return time.perf_counter() - began, result


if __name__ == "__main__":
    if sys.argv[1:2] == ["--contestant"]:
        contest(*sys.argv[2:])
    else:
        main()
