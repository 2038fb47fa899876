"""Metrics: counts and times of the signals, for Prometheus.

Knows nothing of HTTP: the door asks for the page.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

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

_SECONDS = (0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_REFUSALS = frozenset({401, 403, 429})
_CODES = frozenset(
    {
        "admin_key_not_allowed",
        "forwarded_not_allowed",
        "host_not_allowed",
        "insufficient_quota",
        "insufficient_scope",
        "invalid_api_key",
        "origin_not_allowed",
        "project_archived",
        "project_not_allowed",
        "rate_limit_exceeded",
        "too_many_attempts",
    }
)
"""The codes of refusals that are this server's own. What an upstream says is `other`: a label has no end otherwise."""


Labels = tuple[object, ...]
"""The values of a series' labels, in the order of the family's."""
Numbers = defaultdict[Labels, float]


class Times:
    """A histogram of seconds: how many fell under each bound, and their sum."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(_SECONDS) + 1)
        self.total = 0.0

    def saw(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(_SECONDS, seconds)] += 1
        self.total += seconds


class Metrics(Collector):
    """A listener that counts, and the page that tells.

    Signals are counted in dicts, and made into the library's families when somebody looks: its own counters, each
    with labels to look up and a lock, take ten times as long, and a request has some twenty counts.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._families: list[Callable[[], Metric]] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)
        counter, gauge, seconds = self._counter, self._gauge, self._seconds
        self._requests = counter("antiphon_requests", "HTTP requests", "method", "status")
        self._request_seconds = seconds("antiphon_request_seconds", "Time of an HTTP request")[()]
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
        self._faults = counter("antiphon_faults", "Faults of the server itself")
        self._faults[()] = 0

    def __call__(self, signal: Signal) -> None:
        """Count a signal."""
        match signal:
            case RequestEnded():
                self._requests[signal.method, signal.status] += 1
                self._request_seconds.saw(signal.seconds)
                if signal.status in _REFUSALS:
                    self._refusals[(signal.code if signal.code in _CODES else "other",)] += 1
            case RunEnded():
                self._runs[signal.project, signal.model, signal.status] += 1
                if signal.first_delta is not None:
                    self._first[(signal.model,)].saw(signal.first_delta)
            case RunSettled():
                self._settled(signal)
            case UpstreamCalled():
                self._call(signal)
            case ModelChanged():
                self._ready[(signal.model,)] = signal.state == "ready"
            case UpstreamChanged():
                self._upstream_ready[(signal.upstream,)] = signal.state == "ready"
            case Fault():
                self._faults[()] += 1

    def page(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Every family as it stands: what the library asks its collectors for."""
        return (told() for told in self._families)

    def _call(self, signal: UpstreamCalled) -> None:
        place = (signal.upstream, signal.model)
        self._calls[*place, signal.outcome, signal.status] += 1
        if signal.first_delta is not None:
            self._call_first[place].saw(signal.first_delta)
        self._call_tokens[*place, "input"] += signal.input_tokens
        self._call_tokens[*place, "output"] += signal.output_tokens
        if signal.cost:
            self._cost[place] += signal.cost

    def _settled(self, signal: RunSettled) -> None:
        place = (signal.project, signal.model)
        self._tokens[*place, "input"] += signal.input_tokens
        self._tokens[*place, "cached"] += signal.cached_tokens
        self._tokens[*place, "output"] += signal.output_tokens
        if signal.cost:
            self._spent[place] += signal.cost
        if signal.estimated:
            self._estimated[place] += 1

    def _counter(self, name: str, about: str, *labels: str) -> Numbers:
        numbers: Numbers = defaultdict(float)
        self._families.append(lambda: _told(CounterMetricFamily(name, about, labels=labels), numbers))
        return numbers

    def _gauge(self, name: str, about: str, *labels: str) -> Numbers:
        numbers: Numbers = defaultdict(float)
        self._families.append(lambda: _told(GaugeMetricFamily(name, about, labels=labels), numbers))
        return numbers

    def _seconds(self, name: str, about: str, *labels: str) -> defaultdict[Labels, Times]:
        times: defaultdict[Labels, Times] = defaultdict(Times)
        self._families.append(lambda: _told_times(HistogramMetricFamily(name, about, labels=labels), times))
        return times


def _told(family: CounterMetricFamily | GaugeMetricFamily, numbers: Numbers) -> Metric:
    for labels, number in numbers.items():
        family.add_metric([str(one) for one in labels], number)
    return family


def _told_times(family: HistogramMetricFamily, times: dict[Labels, Times]) -> Metric:
    for labels, one in times.items():
        counts = zip([*map(str, _SECONDS), "+Inf"], accumulate(one.counts), strict=True)
        family.add_metric([str(one) for one in labels], list(counts), one.total)
    return family
