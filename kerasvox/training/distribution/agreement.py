"""Before TensorFlow's servers start: are all workers there, and do they mean the same run?

TensorFlow waits without end for a worker that does not come, and never notices that another one
trains another recipe. So the workers meet first, on the very ports that TensorFlow will use: each
tells the chief its facts (versions, recipe, data), the chief compares them with its own, and all
hear the verdict. What is exchanged is two lines of JSON a worker.
"""

import json
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from typing import Any

from kerasvox.errors import TrainingError, UsageError
from kerasvox.training.distribution.cluster import Cluster, host_of, port_of
from kerasvox.training.facts import differences, flatten

_LONGEST_LINE = 1 << 20
_PAUSE = 0.2  # seconds between two tries to reach the chief


def agree(cluster: Cluster, facts: Mapping[str, Any], timeout: float) -> None:
    """Wait for all workers, and check that their facts are equal.

    Args:
        cluster: the workers.
        facts: what must be the same everywhere; nested, JSON types.
        timeout: seconds to wait for the others.

    Raises:
        UsageError: if the port of this process is in use.
        TrainingError: if a worker does not come in time, or has other facts; all of them say so.
    """
    flat = {"workers": ",".join(cluster.workers), **flatten(facts)}
    with closing(_listen(cluster)) as server:
        deadline = time.monotonic() + timeout
        if cluster.index == 0:
            _lead(server, cluster, flat, deadline, timeout)
        else:
            _follow(cluster, flat, deadline, timeout)


def _listen(cluster: Cluster) -> socket.socket:
    """Take the port of this process: TensorFlow would only hang or crash if another has it."""
    try:
        # Both kinds of addresses where there are both: a worker's name may stand for either.
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        return socket.create_server(("", cluster.port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise UsageError(
            f"port {cluster.port} of {cluster.describe(cluster.index)} cannot be used "
            f"({error.strerror}); end what has it, or take another one for all workers"
        ) from error


def _lead(
    server: socket.socket, cluster: Cluster, flat: dict[str, str], deadline: float, timeout: float
) -> None:
    """Hear all workers and tell them the verdict."""
    with ExitStack() as stack:
        came: dict[int, tuple[socket.socket, dict[str, str]]] = {}
        fault = None
        while fault is None and len(came) < len(cluster.workers) - 1:
            greeting = _accept(server, deadline)
            if greeting is None:
                missing = set(range(1, len(cluster.workers))) - set(came)
                names = ", ".join(map(cluster.describe, sorted(missing)))
                fault = f"{names} did not come within {timeout:g} s; start every worker"
            else:
                connection, index, theirs = greeting
                stack.enter_context(closing(connection))
                came[index] = connection, theirs
                fault = _difference(cluster, index, flat, theirs)
        fault = fault or _unresolved(cluster, deadline)
        for connection, _ in came.values():
            _send(connection, {"fault": fault})
    if fault:
        raise TrainingError(fault)


def _unresolved(cluster: Cluster, deadline: float) -> str | None:
    """Name a worker whose address no host has: it came here, but nobody could come to it."""
    for index, address in enumerate(cluster.workers):
        while True:
            try:
                socket.getaddrinfo(host_of(address), port_of(address))
                break
            except OSError as error:  # in a cluster its name may not be known yet
                if time.monotonic() + _PAUSE > deadline:
                    reason = error.strerror or str(error)
                    return f"{cluster.describe(index)} has no such host ({reason}); correct it"
                time.sleep(_PAUSE)
    return None


def _accept(
    server: socket.socket, deadline: float
) -> tuple[socket.socket, int, dict[str, str]] | None:
    """Return the next worker that comes, with its number and facts; None at the deadline."""
    while (left := deadline - time.monotonic()) > 0:
        server.settimeout(left)
        try:
            connection, _ = server.accept()
        except TimeoutError:
            return None
        try:
            greeting = _receive(connection, min(deadline, time.monotonic() + 10))
            return connection, int(greeting["index"]), dict(greeting["facts"])
        except (OSError, ValueError, KeyError, TypeError):
            connection.close()  # a port scanner, or a worker that was stopped meanwhile
    return None


def _follow(cluster: Cluster, flat: dict[str, str], deadline: float, timeout: float) -> None:
    """Tell the chief the facts and hear its verdict."""
    connection = _reach_chief(cluster, deadline, timeout)
    with closing(connection):
        try:
            _send(connection, {"index": cluster.index, "facts": flat})
            # The chief's own deadline, for others that may be missing, began later than ours.
            verdict = _receive(connection, time.monotonic() + timeout + 30)
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{cluster.describe(0)} went away before all workers had come ({error}); its own "
                "message says why"
            ) from error
    if verdict.get("fault"):
        raise TrainingError(verdict["fault"])


def _reach_chief(cluster: Cluster, deadline: float, timeout: float) -> socket.socket:
    chief = cluster.workers[0]
    reason = ""
    while (left := deadline - time.monotonic()) > 0:
        try:
            return socket.create_connection((host_of(chief), port_of(chief)), timeout=left)
        except OSError as error:  # not up yet; in a cluster its name may not be known yet either
            reason = error.strerror or str(error)
            time.sleep(min(_PAUSE, max(0, left)))
    raise TrainingError(
        f"{cluster.describe(0)} could not be reached within {timeout:g} s ({reason}); start it, "
        "or correct its address"
    )


def _difference(
    cluster: Cluster, index: int, ours: dict[str, str], theirs: dict[str, str]
) -> str | None:
    """Say in what a worker differs from the chief, or None if it is one of this run."""
    if found := differences(ours, theirs):
        return f"worker {index} differs from worker 0 in {found}"
    if not 0 < index < len(cluster.workers):
        return f"a process says it is worker {index}; there are {len(cluster.workers)} workers"
    return None


def _send(connection: socket.socket, message: Mapping[str, Any]) -> None:
    # Who went away meanwhile is missed later, and says why itself.
    with suppress(OSError):
        connection.sendall(json.dumps(message).encode() + b"\n")


def _receive(connection: socket.socket, deadline: float) -> dict[str, Any]:
    text = b""
    while not text.endswith(b"\n"):
        connection.settimeout(max(0.01, deadline - time.monotonic()))
        part = connection.recv(65536)
        if not part or len(text) > _LONGEST_LINE:
            raise ValueError("no message came")
        text += part
    message = json.loads(text)
    if not isinstance(message, dict):
        raise ValueError("the message is no object")
    return message
