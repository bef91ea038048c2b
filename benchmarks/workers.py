"""What synchronising costs: two workers on two cores against one process on both.

    python benchmarks/workers.py

trains the network of zoo/drnn_mir1k on noise: one process on two cores, and two processes on one
core each, which divide the same batches and exchange their gradients through 127.0.0.1. The two
take turns, a few steps each, so that both see the same machine; a step ends when its loss is
read. It prints the ratio of examples per second (medians), the ratio of processor time, which
other programs on the machine disturb less, and the bytes exchanged.

Bytes: TensorFlow sums gradients by a ring all-reduce, in which each of n workers sends, and
receives, 2 (n - 1) / n times the bytes of all trainable variables in every step.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

RECIPE = Path(__file__).parents[1] / "zoo" / "drnn_mir1k" / "recipe.yaml"
# One is the first two cores, whichever they are called; a worker is one of them.
CORES = sorted(os.sched_getaffinity(0))[:2] if hasattr(os, "sched_getaffinity") else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4, help="of a round")
    parser.add_argument("--role", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        serve(options.recipe, options.role)
        return
    addresses = ",".join(f"127.0.0.1:{port}" for port in free_ports(2))
    one = [begin(options.recipe, "one", CORES)]
    two = [begin(options.recipe, f"{i}/{addresses}", CORES[i : i + 1]) for i in range(2)]
    try:
        facts = [hear(process) for process in (*one, *two)][-1]
        seconds: dict[str, list[float]] = {"one": [], "two": []}
        busy: dict[str, list[float]] = {"one": [], "two": []}
        for _ in range(options.rounds):
            for name, processes in (("one", one), ("two", two)):
                for process in processes:
                    tell(process, options.steps)
                rounds = [hear(process) for process in processes]
                for times in zip(*rounds, strict=True):  # of one step on each process
                    # A step lasts as long as on the worker that ends it last.
                    seconds[name].append(max(wall for wall, _ in times))
                    busy[name].append(sum(processor for _, processor in times))
    finally:
        for process in (*one, *two):
            process.kill()
            process.wait()
    report(facts, medians(seconds), medians(busy))


def medians(values: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(each) for name, each in values.items()}


def report(facts: dict, wall: dict[str, float], busy: dict[str, float]) -> None:
    batch, size = facts["batch_size"], facts["bytes"]
    for name, what in (("one", "one process, two cores"), ("two", "two workers, one core each")):
        print(
            f"{what}: {wall[name]:.3f} s a step, {batch / wall[name]:.1f} examples/s; "
            f"{busy[name]:.3f} s of processor time"
        )
    print(f"two workers reach {wall['one'] / wall['two']:.2f} of one process' examples/s")
    print(f"and {busy['one'] / busy['two']:.2f} of its examples per second of processor time")
    print(
        f"exchanged a step: {size / 1e6:.1f} MB sent and as much received by each worker "
        f"(2 (n - 1) / n x {size / 1e6:.1f} MB of variables, n = 2)"
    )


def serve(recipe_path: Path, role: str) -> None:
    """Build the model, then run as many steps as each line of the input says."""
    import numpy as np

    from kerasvox.backend import quiet_libraries

    with quiet_libraries():
        import keras

    from kerasvox.training.build import build_loss, build_separator
    from kerasvox.training.distribution.cluster import cluster_from_options
    from kerasvox.training.distribution.one_device import OneDevice
    from kerasvox.training.optimizer import build_optimizer
    from kerasvox.training.recipe import read_recipe

    recipe = read_recipe(recipe_path)
    distribution = OneDevice()
    with quiet_libraries():
        if role != "one":
            from kerasvox.training.distribution.multi_worker import MultiWorker

            index, _, addresses = role.partition("/")
            distribution = MultiWorker(cluster_from_options(int(index), addresses))
        distribution.start(recipe, {})
    with distribution.scope():
        keras.utils.set_random_seed(0)
        separator = build_separator(recipe)
        model = distribution.training_model(separator)
        model.compile(optimizer=build_optimizer(recipe), loss=build_loss(recipe))
        distribution.prepare_optimizer(model.optimizer)
        model.build()
        model.optimizer.build(model.trainable_variables)
    batches = iter(distribution.feed(noise(recipe, separator, np.random.default_rng(0)), 0))
    model.make_train_function()
    steps(model, batches, 3)  # traced, and warm
    size = sum(4 * int(np.prod(weight.shape)) for weight in model.trainable_variables)
    answer({"batch_size": recipe.data.batch_size, "bytes": size})
    for line in sys.stdin:
        answer(steps(model, batches, int(line)))


def noise(recipe, separator, generator):
    """Return batches of the recipe's shape that cost nothing to make."""
    from kerasvox.data.batches import TrainingBatches

    hop = separator.stft.hop
    samples = round(recipe.data.seconds * separator.sample_rate / hop) * hop
    clip = generator.normal(0, 0.1, (2, 2 * samples)).astype("float32")
    return TrainingBatches(
        [clip], batch_size=recipe.data.batch_size, samples=samples, seed=0, remix=0.0
    )


def steps(model, batches, count: int) -> list[tuple[float, float]]:
    """Return the seconds, and the processor seconds, of each step."""
    times = []
    for _ in range(count):
        began = time.perf_counter(), time.process_time()
        float(model.train_function(batches)["loss"])
        times.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    return times


def begin(recipe: Path, role: str, cores: list[int]) -> subprocess.Popen:
    command = [sys.executable, __file__, "--recipe", str(recipe), "--role", role]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    if cores:  # before TensorFlow counts them
        os.sched_setaffinity(process.pid, cores)
    return process


def tell(process: subprocess.Popen, count: int) -> None:
    process.stdin.write(f"{count}\n")
    process.stdin.flush()


def hear(process: subprocess.Popen):
    line = process.stdout.readline()
    if not line:
        raise SystemExit("a process ended; its message stands above")
    return json.loads(line)


def answer(value) -> None:
    print(json.dumps(value), flush=True)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    main()
