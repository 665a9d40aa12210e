"""What Prometheus is told."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "rag_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "rag_request_seconds", "Time to the last byte.", ("route",), buckets=_SECONDS, registry=self._registry
        )
        self._answers = Counter(
            "rag_answers", "Questions by what became of them.", ("status", "reason"), registry=self._registry
        )
        self._documents = Counter(
            "rag_ingested_files", "Files taken in or removed.", ("outcome",), registry=self._registry
        )

    def watch(self, name: str, help_: str, value: Callable[[], float]) -> None:
        """A gauge that is read when it is asked for."""
        Gauge(name, help_, registry=self._registry).set_function(value)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def answer(self, status: str, reason: str | None) -> None:
        self._answers.labels(status, reason or "").inc()

    def files(self, outcome: str, count: int) -> None:
        self._documents.labels(outcome).inc(count)

    def text(self) -> bytes:
        return generate_latest(self._registry)
