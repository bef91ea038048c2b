"""Shards written by several processes."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from queue import Empty
from typing import Any

from kerasvox.data.shards.index import Shard
from kerasvox.data.shards.plan import PlannedShard
from kerasvox.data.shards.shard_writer import write_shard
from kerasvox.errors import DataError
from kerasvox.interrupts import interrupts_held

_GLANCE = 0.2  # seconds between two looks at the clips that are done


def write_shards(
    plan: list[PlannedShard], directory: Path, rate: int, workers: int, tick: Callable[[], None]
) -> Iterator[Shard | DataError]:
    """Write shards, and yield each of them, or which clip of it cannot be used.

    Args:
        plan: the shards to write.
        directory: where.
        rate: sample rate in Hz.
        workers: how many processes; a single one is this one.
        tick: called for every clip that is done.

    Raises:
        DataError: if a process dies.
        OSError: if a shard cannot be written.
    """
    workers = min(workers, len(plan))
    if workers <= 1:
        for planned in plan:
            yield _written(planned, directory, rate, tick)
        return
    # A process that is forked while this one has threads may hang, so each starts afresh.
    context = multiprocessing.get_context("spawn")
    done, stop = context.Queue(), context.Event()
    with ProcessPoolExecutor(workers, context, _start, (done, stop)) as pool:
        try:
            with interrupts_held():  # submitting is what starts the processes
                futures = {pool.submit(_work, planned, directory, rate) for planned in plan}
            while futures:
                finished, futures = wait(futures, _GLANCE, FIRST_COMPLETED)
                _count(done, tick)
                for future in finished:
                    yield future.result()
        except BrokenProcessPool as error:
            raise DataError(
                f"{directory}: a process that wrote shards was killed (out of memory?); run again "
                "to go on"
            ) from error
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _written(
    planned: PlannedShard, directory: Path, rate: int, tick: Callable[[], None]
) -> Shard | DataError:
    try:
        return write_shard(directory / planned.name, planned.clips, rate, planned.origin, tick)
    except DataError as error:
        return error


# In a worker: the queue that counts clips, and whether to stop.
_done: Any = None
_stop: Any = None


def _start(done: Any, stop: Any) -> None:
    global _done, _stop
    _done, _stop = done, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(planned: PlannedShard, directory: Path, rate: int) -> Shard | DataError:
    return _written(planned, directory, rate, _tick)


def _tick() -> None:
    _done.put(1)
    if _stop.is_set():
        raise KeyboardInterrupt


def _count(done: Any, tick: Callable[[], None]) -> None:
    while True:
        try:
            done.get_nowait()
        except Empty:
            return
        tick()
