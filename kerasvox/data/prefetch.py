"""Work done ahead of who needs it, in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST_THREADS = 8
_SPARE = 2  # results that wait, so that one slow item holds nobody up


def ahead(
    make: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None
) -> Iterator[Result]:
    """Yield `make(item)` for every item, in their order, made by threads before they are asked for.

    Closing the iterator, or forgetting it, ends the threads. What `make` raises is raised where
    its result would have come.

    Args:
        make: makes a result out of an item alone; it should spend its time outside the
            interpreter's lock, as numpy does.
        items: may be endless.
        threads: how many; by default one for each core but one, at least one and at most eight.
    """
    threads = threads or min(_MOST_THREADS, max(1, cores() - 1))
    source = iter(items)
    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="kerasvox-batches")
    try:
        for item in source:
            pending.append(pool.submit(make, item))
            if len(pending) >= threads + _SPARE:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
