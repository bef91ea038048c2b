"""The parent's side of an evaluation: clips to processes, rows back as they come."""

import multiprocessing
import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kerasvox.data.clip import Clip
from kerasvox.errors import KerasvoxError
from kerasvox.evaluation import worker
from kerasvox.interrupts import interrupts_held

# One compute thread a process: sums come out the same however many processes share the cores, and
# processes do not fight for them. No process takes a GPU, of which there may be fewer.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "-1",
    "JAX_PLATFORMS": "cpu",
    # glibc then keeps the metric's large arrays instead of asking the system for new pages each
    # time, which took a third of the time and held the processes up against each other.
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}


def score_in_processes(
    preset: Path, clips: Sequence[Clip], baselines: bool, perceptual: bool, processes: int
) -> Generator[dict[str, Any], None, None]:
    """Score clips in spawned processes; yield their rows in the order in which they are ready.

    Args:
        preset: the folder of the preset.
        clips: what to score.
        baselines: whether to score the mixture and the oracle masks as well.
        perceptual: whether to compute PESQ and STOI of the vocals as well.
        processes: how many processes to start, at most one a clip.

    Raises:
        KerasvoxError: if a process dies; errors in a process are raised as they are.
    """
    if not clips:
        return
    executor = ProcessPoolExecutor(
        min(processes, len(clips)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=worker.prepare,
    )
    try:
        # Submitting is what starts the processes.
        with _environment(_ENVIRONMENT), interrupts_held():
            tasks = [
                executor.submit(worker.score_clip, preset, clip, baselines, perceptual)
                for clip in clips
            ]
        for task in as_completed(tasks):
            yield task.result()
    except BrokenProcessPool as error:
        raise KerasvoxError(
            "a scoring process died, perhaps for want of memory; try fewer processes"
        ) from error
    finally:
        # Clips that no process has begun are dropped: an interrupt waits for a second, not an hour.
        executor.shutdown(cancel_futures=True)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
