import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from distributed_run import free_ports

from kerasvox.errors import TrainingError, UsageError
from kerasvox.training.distribution.agreement import agree
from kerasvox.training.distribution.cluster import Cluster

FACTS = {"kerasvox": "0.1", "recipe": {"seed": 3, "data": {"batch_size": 4}}, "step": None}


def meet(facts, indices=None, timeout=20.0):
    """Let a worker with each of the facts agree; return what each raised."""
    workers = tuple(free_ports(len(facts)).split(","))

    def one(number):
        index = number if indices is None else indices[number]
        try:
            agree(Cluster(workers, index), facts[number], timeout)
        except (TrainingError, UsageError) as error:
            return str(error)
        return None

    with ThreadPoolExecutor(len(facts)) as pool:
        return list(pool.map(one, range(len(facts))))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_equal_workers_agree(count):
    assert meet([FACTS] * count) == [None] * count


def test_what_differs_is_named_to_all():
    other = {"kerasvox": "0.2", "recipe": {"seed": 3, "data": {"batch_size": 8}}, "step": 6}
    expected = (
        "worker 1 differs from worker 0 in kerasvox (0.2, not 0.1), "
        "recipe.data.batch_size (8, not 4), step (6, not None)"
    )
    assert meet([FACTS, other]) == [expected, expected]


def test_a_key_that_one_side_lacks_differs():
    assert "new (1, not None)" in meet([FACTS, FACTS | {"new": 1}])[0]


def test_a_missing_worker_is_named_to_all():
    workers = tuple(free_ports(3).split(","))
    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        came = [pool.submit(agree, Cluster(workers, index), FACTS, 2.0) for index in (0, 2)]
    assert time.monotonic() - began < 10
    for error in (future.exception() for future in came):
        assert isinstance(error, TrainingError)
        assert f"worker 1 ({workers[1]}) did not come within 2 s" in str(error)


def test_a_missing_chief_is_named():
    workers = tuple(free_ports(2).split(","))
    with pytest.raises(TrainingError, match=r"worker 0 \(127.*could not be reached within 1 s"):
        agree(Cluster(workers, 1), FACTS, 1.0)


def test_an_unknown_host_is_named():
    workers = ("no-such-host.invalid:2222", free_ports(1))
    with pytest.raises(TrainingError, match=r"no-such-host.*could not be reached within 1 s"):
        agree(Cluster(workers, 1), FACTS, 1.0)


def test_a_worker_that_nobody_could_reach_is_named_to_all():
    workers = (free_ports(1), "nosuch.invalid:" + free_ports(1).partition(":")[2])
    with ThreadPoolExecutor(2) as pool:
        came = [pool.submit(agree, Cluster(workers, index), FACTS, 1.0) for index in range(2)]
    for error in (future.exception() for future in came):
        assert isinstance(error, TrainingError)
        assert f"worker 1 ({workers[1]}) has no such host" in str(error)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_workers_meet_at_ipv6_addresses():
    workers = tuple(address.replace("127.0.0.1", "[::1]") for address in free_ports(2).split(","))
    with ThreadPoolExecutor(2) as pool:
        came = [pool.submit(agree, Cluster(workers, index), FACTS, 5.0) for index in range(2)]
    assert [future.exception() for future in came] == [None, None]


@pytest.mark.parametrize("index", [0, 1])
def test_a_port_in_use_is_named(index):
    workers = tuple(free_ports(2).split(","))
    cluster = Cluster(workers, index)
    with (
        socket.create_server(("", cluster.port)),
        pytest.raises(UsageError, match=rf"port {cluster.port} of worker {index} .*in use"),
    ):
        agree(cluster, FACTS, 1.0)


def test_strangers_at_the_port_are_passed_over():
    workers = tuple(free_ports(2).split(","))
    chief = threading.Thread(target=agree, args=(Cluster(workers, 0), FACTS, 20.0))
    chief.start()
    for garbage in (b"", b"GET / HTTP/1.0\r\n\r\n", b"[]\n", b'{"index": 1}\n'):
        stranger = knock(workers[0])
        stranger.sendall(garbage)
        stranger.close()
    agree(Cluster(workers, 1), FACTS, 20.0)
    chief.join(timeout=20)
    assert not chief.is_alive()


def knock(address):
    host, _, port = address.rpartition(":")
    for _ in range(100):
        try:
            return socket.create_connection((host, int(port)))
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nobody listens at {address}")
