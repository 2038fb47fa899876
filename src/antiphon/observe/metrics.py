"""Metrics: counts and times of the signals, for Prometheus.

Knows nothing of HTTP: the door asks for the page.
"""

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from antiphon.core.signals import (
    Fault,
    ModelChanged,
    RequestEnded,
    RunEnded,
    RunSettled,
    Signal,
    UpstreamCalled,
    UpstreamChanged,
)

_SECONDS = (0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300)
_REFUSALS = frozenset({401, 403, 429})


class Metrics:
    """A listener that counts, and the page that tells."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()

        # Looking a series up is what costs most: `labels` takes ten times as long as the cache before it.
        def counter(name: str, about: str, *labels: str) -> Callable[..., Counter]:
            return cache(Counter(name, about, labels, registry=registry).labels)

        def gauge(name: str, about: str, *labels: str) -> Callable[..., Gauge]:
            return cache(Gauge(name, about, labels, registry=registry).labels)

        def seconds(name: str, about: str, *labels: str) -> Callable[..., Histogram]:
            return cache(Histogram(name, about, labels, buckets=_SECONDS, registry=registry).labels)

        self._requests = counter("antiphon_requests", "HTTP requests", "method", "status")
        self._request_seconds = Histogram(
            "antiphon_request_seconds", "Time of an HTTP request", buckets=_SECONDS, registry=registry
        )
        self._refusals = counter("antiphon_refusals", "Requests refused for who asks, or how much", "code")
        self._runs = counter("antiphon_responses", "Responses that ended", "project", "model", "status")
        self._first = seconds("antiphon_first_delta_seconds", "Time to the first delta", "model")
        self._tokens = counter("antiphon_tokens", "Tokens", "project", "model", "kind")
        self._spent = counter("antiphon_cost", "Cost, by the prices set", "project", "model")
        self._estimated = counter("antiphon_responses_estimated", "Of tokens that nobody counted", "project", "model")
        self._ready = gauge("antiphon_model_ready", "1 while the model is ready", "model")
        self._upstream_ready = gauge("antiphon_upstream_ready", "1 while the upstream can be asked", "upstream")
        place = ("upstream", "model")
        self._calls = counter("antiphon_upstream_calls", "Calls", *place, "outcome", "status")
        self._call_first = seconds("antiphon_upstream_first_delta_seconds", "To the first delta", *place)
        self._call_tokens = counter("antiphon_upstream_tokens", "Tokens", *place, "kind")
        self._cost = counter("antiphon_upstream_cost", "Cost, by the prices set", *place)
        self._faults = Counter("antiphon_faults", "Faults of the server itself", registry=registry)

    def __call__(self, signal: Signal) -> None:
        """Count a signal."""
        match signal:
            case RequestEnded():
                self._requests(signal.method, signal.status).inc()
                self._request_seconds.observe(signal.seconds)
                if signal.status in _REFUSALS:
                    self._refusals(signal.code).inc()
            case RunEnded():
                self._runs(signal.project, signal.model, signal.status).inc()
                if signal.first_delta is not None:
                    self._first(signal.model).observe(signal.first_delta)
            case RunSettled():
                self._settled(signal)
            case ModelChanged():
                self._ready(signal.model).set(1 if signal.state == "ready" else 0)
            case UpstreamChanged():
                self._upstream_ready(signal.upstream).set(1 if signal.state == "ready" else 0)
            case UpstreamCalled():
                self._call(signal)
            case Fault():
                self._faults.inc()

    def page(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _call(self, signal: UpstreamCalled) -> None:
        place = (signal.upstream, signal.model)
        self._calls(*place, signal.outcome, signal.status).inc()
        if signal.first_delta is not None:
            self._call_first(*place).observe(signal.first_delta)
        self._call_tokens(*place, "input").inc(signal.input_tokens)
        self._call_tokens(*place, "output").inc(signal.output_tokens)
        if signal.cost:
            self._cost(*place).inc(signal.cost)

    def _settled(self, signal: RunSettled) -> None:
        place = (signal.project, signal.model)
        self._tokens(*place, "input").inc(signal.input_tokens)
        self._tokens(*place, "cached").inc(signal.cached_tokens)
        self._tokens(*place, "output").inc(signal.output_tokens)
        if signal.cost:
            self._spent(*place).inc(signal.cost)
        if signal.estimated:
            self._estimated(*place).inc()
