"""What the server counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_UNKNOWN = "unknown"


class Metrics:
    """Counts of predict requests, and how long they took.

    A model that is not served counts as `unknown`: names made up by clients must not fill the
    memory.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "kerasvox_requests",
            "Predict requests answered.",
            ["model", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "kerasvox_request_seconds",
            "Seconds from a predict request's first byte to its answer, waiting included.",
            ["model"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.in_progress = Gauge(
            "kerasvox_requests_in_progress",
            "Predict requests that wait or run now.",
            registry=self._registry,
        )

    def count(self, model: str | None, status: int, seconds: float) -> None:
        """Count a request that was answered; `model` is `None` where it is not served."""
        self._requests.labels(model or _UNKNOWN, str(status)).inc()
        self._seconds.labels(model or _UNKNOWN).observe(seconds)

    def exposition(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)
