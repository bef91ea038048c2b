import itertools
import threading
import time

import pytest

from kerasvox.data.prefetch import ahead


@pytest.mark.parametrize("threads", [None, 1, 4])
def test_results_come_in_order(threads):
    def make(item):
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(ahead(make, range(20), threads)) == [item * item for item in range(20)]


def test_the_next_results_are_made_before_they_are_asked_for():
    made = []
    results = ahead(lambda item: made.append(item) or item, itertools.count(), threads=1)
    next(results)
    deadline = time.monotonic() + 10
    while len(made) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(0.05)
    assert len(made) <= 4, "it runs ahead without bound"
    results.close()


def test_what_is_raised_comes_in_its_place():
    def make(item):
        if item == 2:
            raise ValueError("two")
        return item

    results = ahead(make, itertools.count(), threads=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)


def test_forgetting_the_results_ends_the_threads():
    results = ahead(lambda item: item, itertools.count(), threads=2)
    next(results)
    del results
    deadline = time.monotonic() + 10
    while any(thread.name.startswith("kerasvox-batches") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
