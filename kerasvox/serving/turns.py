"""A bounded queue: so many requests run, so many wait, the others are refused."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from kerasvox.serving.request_error import RequestError

_RETRY_AFTER = 1  # seconds


class Turns:
    """Who may come in, and who may run.

    Args:
        places: requests that may wait or run at a time.
        workers: requests that may run at a time.
    """

    def __init__(self, places: int, workers: int):
        self._places = places
        self._taken = 0
        self.running = asyncio.Semaphore(workers)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for one request.

        Raises:
            RequestError: 503 if all are taken.
        """
        if self._taken >= self._places:
            raise RequestError(
                503,
                f"the server is busy: {self._places} requests wait or run; try again",
                retry_after=_RETRY_AFTER,
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
