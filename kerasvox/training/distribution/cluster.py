"""Which machines train together, and which of them this process is."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kerasvox.errors import UsageError

_EXAMPLE = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
)

_HOST = re.compile(r"\[[^][/]+\]|[^][:/]+")


@dataclass(frozen=True)
class Cluster:
    """The workers of a run in their order; the first one is the chief.

    Attributes:
        workers: their addresses, `host:port`.
        index: which of them this process is.
    """

    workers: tuple[str, ...]
    index: int

    def describe(self, index: int) -> str:
        """Return a worker's number and address, as messages name it."""
        return f"worker {index} ({self.workers[index]})"

    @property
    def port(self) -> int:
        """The port of this process."""
        return port_of(self.workers[self.index])

    def export(self) -> None:
        """Write `TF_CONFIG` for this process, from where TensorFlow reads its cluster."""
        task = {"type": "worker", "index": self.index}
        cluster = {"worker": list(self.workers)}
        os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})


def cluster_from_options(worker: int | None, workers: str | None) -> Cluster | None:
    """Return the cluster that `--worker I --workers HOST:PORT,...` describe, or None without them.

    Raises:
        UsageError: if one of the two is missing, an address is no `host:port` or stands there
            twice, or the number is out of range.
    """
    if worker is None and workers is None:
        return None
    if worker is None or workers is None:
        raise UsageError("--worker and --workers belong together: which of these is this process?")
    addresses = [address.strip() for address in workers.split(",")]
    return _checked(addresses, worker, "--workers", "--worker")


def cluster_from_environment() -> Cluster | None:
    """Return the cluster that `TF_CONFIG` describes, or None if it is not set or names none.

    A `chief` counts as the first worker, as it does for TensorFlow.

    Raises:
        UsageError: if it is no JSON object of that form, or has tasks of another kind.
    """
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return None
    try:
        config = json.loads(text)
        cluster = config.get("cluster") or {}
        chiefs, workers = cluster.get("chief", []), cluster.get("worker", [])
        kind, index = _task(config)
        addresses = [*map(str, chiefs), *map(str, workers)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            f"TF_CONFIG is {_short(text)} and cannot be used ({type(error).__name__}: {error}); "
            f"it looks like {_EXAMPLE}"
        ) from error
    if not cluster:
        return None
    if set(cluster) - {"chief", "worker"} or kind not in cluster:
        raise UsageError(
            f"TF_CONFIG: has the tasks {', '.join(sorted(cluster))} and this one is a {kind}; "
            "training has workers, and a chief at most"
        )
    if not 0 <= index < len(cluster[kind]):
        raise UsageError(
            f"TF_CONFIG: task.index is {index}; there are {len(cluster[kind])} of kind {kind}, "
            "counted from 0"
        )
    first = len(chiefs) if kind == "worker" else 0
    return _checked(addresses, first + index, "TF_CONFIG", "TF_CONFIG: task.index")


def port_of(address: str) -> int:
    """Return the port of `host:port`."""
    return int(address.rpartition(":")[2])


def host_of(address: str) -> str:
    """Return the host of `host:port`; an IPv6 address stands in brackets there."""
    return address.rpartition(":")[0].strip("[]")


def _task(config: dict[str, Any]) -> tuple[str, int]:
    task = config.get("task") or {}
    if not config.get("cluster"):
        return "", 0
    return str(task["type"]), int(task["index"])


def _checked(addresses: Sequence[str], index: int, where: str, which: str) -> Cluster:
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not _HOST.fullmatch(host) or not port.isdecimal() or not 0 < int(port) < 65536:
            raise UsageError(
                f"{where}: {address!r} is no address; write host:port, or [host]:port for IPv6"
            )
        if addresses.count(address) > 1:
            raise UsageError(f"{where}: {address} stands there twice; every worker has its own")
    if not 0 <= index < len(addresses):
        raise UsageError(f"{which} is {index}; there are {len(addresses)} workers, counted from 0")
    return Cluster(tuple(addresses), index)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else line[:57] + "...")
