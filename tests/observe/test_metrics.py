"""What is counted, as Prometheus reads it."""

import ast
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

import antiphon
from antiphon.core.signals import (
    Fault,
    ModelChanged,
    Note,
    RequestEnded,
    RunEnded,
    RunSettled,
    UpstreamCalled,
    UpstreamChanged,
)
from antiphon.observe.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """(name, label values in order of label names) → value."""
    found = {}
    for family in text_string_to_metric_families(metrics.page().decode()):
        for sample in family.samples:
            found[sample.name, *(sample.labels[label] for label in sorted(sample.labels))] = sample.value
    return found


def test_signals_are_counted() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics(RequestEnded("req_1", "POST", "/v1/responses", 200, 0.3))
    metrics(RunEnded("resp_1", "req_1", "m", "completed", 1.0, 0.25, 30, 10, 5, project="p"))
    metrics(RunEnded("resp_2", "req_2", "m", "failed", 1.0, None, 1, 0, 0, "server_error", project="q"))
    metrics(RunSettled("resp_1", "p", "key_1", "m", "completed", 30, 10, 5, 2, estimated=False, cost=0.5))
    metrics(RunSettled("resp_2", "q", "", "m", "failed", 1, 0, 0, 0, estimated=True, cost=0.0))
    metrics(RequestEnded("req_3", "POST", "/v1/responses", 429, 0.1, "rate_limit_exceeded"))
    metrics(RequestEnded("req_4", "POST", "/v1/responses", 400, 0.1, "invalid_value"))
    metrics(Fault("here", "ValueError"))
    metrics(Note("nothing to count"))
    metrics(ModelChanged("m", "ready"))
    found = samples(metrics)
    assert found["antiphon_requests_total", "POST", "200"] == 2
    assert found["antiphon_request_seconds_count",] == 4
    assert [key[1:] for key in found if key[0] == "antiphon_refusals_total"] == [("rate_limit_exceeded",)]
    assert found["antiphon_responses_total", "m", "p", "completed"] == 1
    assert found["antiphon_responses_total", "m", "q", "failed"] == 1
    assert found["antiphon_first_delta_seconds_count", "m"] == 1
    assert found["antiphon_tokens_total", "input", "m", "p"] == 30
    assert found["antiphon_tokens_total", "input", "m", "q"] == 1
    assert found["antiphon_tokens_total", "cached", "m", "p"] == 10
    assert found["antiphon_tokens_total", "output", "m", "p"] == 5
    assert found["antiphon_cost_total", "m", "p"] == 0.5
    assert found["antiphon_responses_estimated_total", "m", "q"] == 1
    assert found["antiphon_faults_total",] == 1
    assert found["antiphon_model_ready", "m"] == 1
    metrics(ModelChanged("m", "lost"))
    assert samples(metrics)["antiphon_model_ready", "m"] == 0


def test_what_others_say_makes_no_label_of_its_own() -> None:
    metrics = Metrics()
    for number in range(50):
        metrics(RequestEnded("req_1", "POST", "/v1/responses", 403, 0.1, f"made_up_{number}"))
    metrics(RequestEnded("req_1", "POST", "/v1/responses", 401, 0.1, None))
    found = {key: value for key, value in samples(metrics).items() if key[0] == "antiphon_refusals_total"}
    assert found == {("antiphon_refusals_total", "other"): 51}


def test_every_refusal_of_our_own_has_its_label() -> None:
    """Looked up in the code, so that a new one is not counted as somebody else's."""
    codes = set()
    for path in Path(antiphon.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) > 1):
                continue
            status, code = (one.value if isinstance(one, ast.Constant) else None for one in node.args[:2])
            if node.func.id in ("Problem", "UpstreamFault") and status in (401, 403, 429):
                codes.add(code)
    assert {"invalid_api_key", "rate_limit_exceeded", "origin_not_allowed"} <= codes
    metrics = Metrics()
    for code in codes:
        metrics(RequestEnded("req_1", "POST", "/v1/responses", 403, 0.1, code))
    assert {key[1] for key in samples(metrics) if key[0] == "antiphon_refusals_total"} == codes


def test_upstreams_are_counted_by_name_and_model() -> None:
    metrics = Metrics()
    metrics(UpstreamCalled("gpu", "m", "answered", 200, 1.0, 0.25, 30, 5, 0.5))
    metrics(UpstreamCalled("gpu", "m", "failed", 503, 0.1))
    metrics(UpstreamChanged("gpu", "ready"))
    found = samples(metrics)
    assert found["antiphon_upstream_calls_total", "m", "answered", "200", "gpu"] == 1
    assert found["antiphon_upstream_calls_total", "m", "failed", "503", "gpu"] == 1
    assert found["antiphon_upstream_first_delta_seconds_count", "m", "gpu"] == 1
    assert found["antiphon_upstream_tokens_total", "input", "m", "gpu"] == 30
    assert found["antiphon_upstream_tokens_total", "output", "m", "gpu"] == 5
    assert found["antiphon_upstream_cost_total", "m", "gpu"] == 0.5
    assert found["antiphon_upstream_ready", "gpu"] == 1
    metrics(UpstreamChanged("gpu", "failing", "connection refused"))
    assert samples(metrics)["antiphon_upstream_ready", "gpu"] == 0


def test_two_servers_count_for_themselves() -> None:
    first, second = Metrics(), Metrics()
    first(Fault("here", "ValueError"))
    assert samples(second)["antiphon_faults_total",] == 0
    assert first.content_type.startswith("text/plain")
