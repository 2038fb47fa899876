"""Metrics: counts and times of the signals, for Prometheus.

Knows nothing of HTTP: the door asks for the page.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from antiphon.core.signals import (
    Fault,
    ModelChanged,
    RequestEnded,
    RunEnded,
    Signal,
    UpstreamCalled,
    UpstreamChanged,
)

_SECONDS = (0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300)


class Metrics:
    """A listener that counts, and the page that tells."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._requests = Counter("antiphon_requests", "HTTP requests", ["method", "status"], registry=registry)
        self._request_seconds = Histogram(
            "antiphon_request_seconds", "Time of an HTTP request", buckets=_SECONDS, registry=registry
        )
        self._runs = Counter("antiphon_responses", "Responses that ended", ["model", "status"], registry=registry)
        self._first = Histogram(
            "antiphon_first_delta_seconds", "Time to the first delta", ["model"], buckets=_SECONDS, registry=registry
        )
        self._tokens = Counter("antiphon_tokens", "Tokens", ["model", "kind"], registry=registry)
        self._ready = Gauge("antiphon_model_ready", "1 while the model is ready", ["model"], registry=registry)
        self._upstream_ready = Gauge(
            "antiphon_upstream_ready", "1 while the upstream can be asked", ["upstream"], registry=registry
        )
        by_model = ["upstream", "model"]
        self._calls = Counter("antiphon_upstream_calls", "Calls", [*by_model, "outcome", "status"], registry=registry)
        self._call_first = Histogram(
            "antiphon_upstream_first_delta_seconds", "To the first delta", by_model, buckets=_SECONDS, registry=registry
        )
        self._call_tokens = Counter("antiphon_upstream_tokens", "Tokens", [*by_model, "kind"], registry=registry)
        self._cost = Counter("antiphon_upstream_cost", "Cost, by the prices set", by_model, registry=registry)
        self._faults = Counter("antiphon_faults", "Faults of the server itself", registry=registry)

    def __call__(self, signal: Signal) -> None:
        """Count a signal."""
        match signal:
            case RequestEnded():
                self._requests.labels(signal.method, str(signal.status)).inc()
                self._request_seconds.observe(signal.seconds)
            case RunEnded():
                self._run(signal)
            case ModelChanged():
                self._ready.labels(signal.model).set(1 if signal.state == "ready" else 0)
            case UpstreamChanged():
                self._upstream_ready.labels(signal.upstream).set(1 if signal.state == "ready" else 0)
            case UpstreamCalled():
                self._call(signal)
            case Fault():
                self._faults.inc()

    def page(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _call(self, signal: UpstreamCalled) -> None:
        place = (signal.upstream, signal.model)
        self._calls.labels(*place, signal.outcome, str(signal.status)).inc()
        if signal.first_delta is not None:
            self._call_first.labels(*place).observe(signal.first_delta)
        self._call_tokens.labels(*place, "input").inc(signal.input_tokens)
        self._call_tokens.labels(*place, "output").inc(signal.output_tokens)
        if signal.cost:
            self._cost.labels(*place).inc(signal.cost)

    def _run(self, signal: RunEnded) -> None:
        self._runs.labels(signal.model, signal.status).inc()
        if signal.first_delta is not None:
            self._first.labels(signal.model).observe(signal.first_delta)
        self._tokens.labels(signal.model, "input").inc(signal.input_tokens)
        self._tokens.labels(signal.model, "cached").inc(signal.cached_tokens)
        self._tokens.labels(signal.model, "output").inc(signal.output_tokens)
